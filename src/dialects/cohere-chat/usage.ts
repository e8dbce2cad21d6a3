import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type Usage, type UsageLine } from '#core/usage.ts';

const objectOr = (value: unknown): JsonObject | null => (isObject(value) ? value : null);

/**
 * What is billed is counted apart from what the model saw (`tokens`, with its own instructions among them, and
 * `cached_tokens` of those): the lines are of what is billed, and the rest stays in the raw object. Where nothing is said of
 * billing, they are of `tokens`. https://docs.cohere.com/reference/chat#response.body.usage
 */
export function parseUsage(raw: JsonObject): Usage {
  const flags = new Set<string>();
  const billed = objectOr(raw['billed_units']);
  const tokens = objectOr(raw['tokens']);
  const isBilled = ['input_tokens', 'output_tokens'].some(
    (name) => billed?.[name] !== undefined && billed[name] !== null,
  );
  const source = isBilled ? billed : tokens;
  const input = tokenFigure(source, 'input_tokens', flags);
  const output = tokenFigure(source, 'output_tokens', flags);
  const cached = tokenFigure(raw, 'cached_tokens', flags);
  const searches = tokenFigure(billed, 'search_units', flags);
  if (!isBilled && cached > input) flags.add('details-exceed-total');
  const read = isBilled ? 0 : Math.min(cached, input);
  if (input === 0 && output === 0) flags.add('zero-usage');
  const lines: UsageLine[] = [inputLine(input - read)];
  if (read > 0) lines.push(inputLine(read, 'read'));
  lines.push(outputLine(output));
  const isPartial = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  return {
    lines,
    source: isPartial ? 'provider_partial' : 'provider',
    raw,
    flags: [...flags],
    ...(searches > 0 ? { units: { searches } } : {}),
  };
}

export function renderUsage(usage: Usage): JsonObject {
  const { input, output, cacheRead } = totalsOf(usage.lines);
  const searches = usage.units?.['searches'];
  const counts = { input_tokens: input, output_tokens: output };
  return {
    billed_units: { ...counts, ...(searches === undefined ? {} : { search_units: searches }) },
    tokens: counts,
    cached_tokens: cacheRead,
  };
}
