import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type Usage, type UsageLine } from '#core/usage.ts';

/**
 * `inputTokens` leaves out what was read from the cache and written to it; `cacheDetails` says of what was written how
 * long it is kept. `served` is the answer's `serviceTier`. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
 */
export function parseUsage(raw: JsonObject, served?: unknown): Usage {
  const flags = new Set<string>();
  const figure = (name: string) => tokenFigure(raw, name, flags);
  const read = figure('cacheReadInputTokens');
  const written = figure('cacheWriteInputTokens');
  let hour = 0;
  for (const detail of Array.isArray(raw['cacheDetails']) ? raw['cacheDetails'] : [])
    if (isObject(detail) && detail['ttl'] === '1h') hour += tokenFigure(detail, 'inputTokens', flags);
  if (hour > written) {
    flags.add('details-exceed-total');
    hour = written;
  }
  const lines: UsageLine[] = [inputLine(figure('inputTokens'))];
  if (read) lines.push(inputLine(read, 'read'));
  if (written > hour) lines.push(inputLine(written - hour, 'write-5m'));
  if (hour) lines.push(inputLine(hour, 'write-1h'));
  lines.push(outputLine(figure('outputTokens')));
  const sum = lines.reduce((total, { count }) => total + count, 0);
  const total = raw['totalTokens'];
  if (typeof total === 'number' && total !== sum) flags.add('total-disagrees');
  if (sum === 0) flags.add('zero-usage');
  const isPartial = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  const tier = isObject(served) ? served['type'] : undefined;
  return {
    lines,
    source: isPartial ? 'provider_partial' : 'provider',
    raw,
    flags: [...flags],
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}

export function renderUsage(usage: Usage | null): JsonObject {
  const { input, output, cacheRead, cacheWrite } = totalsOf(usage?.lines ?? []);
  return {
    inputTokens: input - cacheRead - cacheWrite,
    outputTokens: output,
    totalTokens: input + output,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
  };
}
