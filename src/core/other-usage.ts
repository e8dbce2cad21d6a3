/** Usage as it is told of work with images and sound: `input_tokens` and `output_tokens`, with what each is made of. */
import type { JsonObject } from './call.ts';
import { isObject } from './read-json.ts';
import { tokenFigure } from './token-figure.ts';
import { inputLine, outputLine, type Modality, type Usage, type UsageLine } from './usage.ts';

/**
 * The disjoint lines of both. What the details leave over is of `input` and `output`; more in them than there is in all is
 * flagged, and the total stands.
 */
export function usageByModality(
  raw: JsonObject,
  rest: { readonly input: Modality; readonly output: Modality },
): Usage {
  const flags = new Set<string>();
  const detailsOf = (name: string) => raw[`${name}_tokens_details`] ?? raw[`${name}_token_details`];
  const split = (name: 'input' | 'output', make: (count: number) => UsageLine): UsageLine[] => {
    const total = tokenFigure(raw, `${name}_tokens`, flags);
    const details = detailsOf(name);
    const lines: UsageLine[] = [];
    let left = total;
    for (const modality of ['text', 'image', 'audio'] as const) {
      const told = isObject(details) ? tokenFigure(details, `${modality}_tokens`, flags) : 0;
      if (told > left) flags.add('details-exceed-total');
      const count = Math.min(told, left);
      left -= count;
      if (count > 0) lines.push({ ...make(count), modality });
    }
    if (left > 0 || lines.length === 0) lines.push({ ...make(left), modality: rest[name] });
    return lines;
  };
  const lines = [
    ...split('input', (count) => inputLine(count)),
    ...split('output', (count) => outputLine(count)),
  ];
  const isPartial = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  return { lines, source: isPartial ? 'provider_partial' : 'provider', raw, flags: [...flags] };
}

/** Usage that is of no tokens. */
export const usageOfUnits = (units: Readonly<Record<string, number>>, raw: unknown): Usage => ({
  lines: [],
  source: 'provider',
  raw,
  flags: [],
  ...(Object.keys(units).length > 0 ? { units } : {}),
});
