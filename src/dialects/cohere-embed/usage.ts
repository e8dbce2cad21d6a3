import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, totalsOf, type Usage, type UsageLine } from '#core/usage.ts';

/** What is billed, images by their tokens. https://docs.cohere.com/reference/embed#response.body.meta */
export function usageOf(meta: unknown): Usage | null {
  const billed = isObject(meta) ? meta['billed_units'] : null;
  if (!isObject(billed)) return null;
  const flags = new Set<string>();
  const lines: UsageLine[] = [inputLine(tokenFigure(billed, 'input_tokens', flags))];
  const images = tokenFigure(billed, 'image_tokens', flags);
  if (images > 0) lines.push({ ...inputLine(images), modality: 'image' });
  const count = tokenFigure(billed, 'images', flags);
  return {
    lines,
    source: flags.size > 0 ? 'provider_partial' : 'provider',
    raw: meta,
    flags: [...flags],
    ...(count > 0 ? { units: { images: count } } : {}),
  };
}

export const renderUsage = (usage: Usage | null): JsonObject => ({
  api_version: { version: '2' },
  ...(usage ? { billed_units: { input_tokens: totalsOf(usage.lines).input } } : {}),
});
