import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { readReportedCost } from '#core/reported-cost.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type CacheClass, type Usage, type UsageLine } from '#core/usage.ts';

const objectOr = (value: unknown): JsonObject | null => (isObject(value) ? value : null);

/** Lifetimes of what was written, where the provider tells them apart. */
const lifetimes: Readonly<Record<string, CacheClass>> = {
  ttl_30m_tokens: 'write-30m',
  ttl_12h_tokens: 'write-12h',
};

/**
 * Partitions usage into disjoint lines. Cached and written tokens are inside the input figure, reasoning inside the output
 * figure; searches are counted beside the tokens.
 * https://platform.openai.com/docs/api-reference/responses/object#responses/object-usage
 */
export function parseUsage(raw: JsonObject, response: JsonObject): Usage {
  const flags = new Set<string>();
  const figure = (source: JsonObject | null, name: string) => tokenFigure(source, name, flags);
  const inputDetails = objectOr(raw['input_tokens_details']);
  const outputDetails = objectOr(raw['output_tokens_details']);
  const input = figure(raw, 'input_tokens');
  const output = figure(raw, 'output_tokens');
  let cached = figure(inputDetails, 'cached_tokens');
  const written = writtenLines(inputDetails, flags);
  const writtenTotal = written.reduce((sum, { count }) => sum + count, 0);
  let reasoning = figure(outputDetails, 'reasoning_tokens');
  let plain = input - cached - writtenTotal;
  if (plain < 0) {
    flags.add('details-exceed-total');
    plain = 0;
    cached = Math.min(cached, input);
    written.splice(0, written.length);
    if (input > cached) written.push(inputLine(input - cached, 'write-5m'));
  }
  if (reasoning > output) {
    flags.add('reasoning-exceeds-output');
    reasoning = output;
  }
  const total = raw['total_tokens'];
  if (typeof total === 'number' && total !== input + output) flags.add('total-disagrees');
  if (input === 0 && output === 0) flags.add('zero-usage');

  const lines: UsageLine[] = [inputLine(plain)];
  if (cached) lines.push(inputLine(cached, 'read'));
  lines.push(...written, outputLine(output - reasoning));
  if (reasoning) lines.push(outputLine(reasoning, 'reasoning'));
  const searches = figure(objectOr(objectOr(response['tool_usage'])?.['web_search']), 'num_requests');
  const tier = response['service_tier'];
  const reported = readReportedCost(raw, flags);
  const suspect = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  return {
    lines,
    source: suspect ? 'provider_partial' : 'provider',
    raw,
    flags: [...flags],
    ...(searches ? { units: { searches } } : {}),
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
    ...(reported === undefined ? {} : { reportedCostNano: reported }),
  };
}

/** The figure for all of them counts where the lifetimes do not add up to it. */
function writtenLines(details: JsonObject | null, flags: Set<string>): UsageLine[] {
  const written = tokenFigure(details, 'cache_write_tokens', flags);
  const apart = objectOr(details?.['cache_write_tokens_details']);
  const lines: UsageLine[] = [];
  for (const [name, cache] of Object.entries(lifetimes)) {
    const count = tokenFigure(apart, name, flags);
    if (count) lines.push(inputLine(count, cache));
  }
  const told = lines.reduce((sum, { count }) => sum + count, 0);
  if (told > written && written > 0) return [inputLine(written, 'write-5m')];
  if (written > told) lines.push(inputLine(written - told, 'write-5m'));
  return lines;
}

export function renderUsage(usage: Usage): JsonObject {
  const totals = totalsOf(usage.lines);
  return {
    input_tokens: totals.input,
    input_tokens_details: { cached_tokens: totals.cacheRead, cache_write_tokens: totals.cacheWrite },
    output_tokens: totals.output,
    output_tokens_details: { reasoning_tokens: totals.reasoning },
    total_tokens: totals.input + totals.output,
  };
}
