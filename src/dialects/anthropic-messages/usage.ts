import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { tokenFigure } from '#core/token-figure.ts';
import {
  inputLine,
  outputLine,
  totalsOf,
  type Usage,
  type UsageLine,
  type UsageSource,
} from '#core/usage.ts';

/**
 * Partitions usage into disjoint lines. `input_tokens` leaves the cached and the written out; thinking is inside the output.
 * https://docs.anthropic.com/en/api/messages#response-usage
 */
export function parseUsage(raw: JsonObject, source: UsageSource): Usage {
  const flags = new Set<string>();
  const lines = linesOf(raw, flags);
  // Iterations of another model are billed at its price, and stand outside the figures above.
  for (const iteration of Array.isArray(raw['iterations']) ? raw['iterations'] : []) {
    if (!isObject(iteration)) continue;
    const kind = iteration['type'];
    if (kind !== 'compaction' && kind !== 'advisor_message') continue;
    const model = typeof iteration['model'] === 'string' ? { model: iteration['model'] } : {};
    lines.push(...linesOf(iteration, flags).map((line) => ({ ...line, ...model })));
  }
  if (lines.every((line) => line.count === 0)) flags.add('zero-usage');
  const units = unitsOf(raw, flags);
  const tier = raw['speed'] === 'fast' ? 'fast' : raw['service_tier'];
  const suspect = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  return {
    lines,
    source: suspect ? 'provider_partial' : source,
    raw,
    flags: [...flags],
    ...(units ? { units } : {}),
    ...(typeof tier === 'string' ? { serviceTier: tier } : {}),
  };
}

function linesOf(raw: JsonObject, flags: Set<string>): UsageLine[] {
  const figure = (source: JsonObject, name: string) => tokenFigure(source, name, flags);
  const lifetimes = isObject(raw['cache_creation']) ? raw['cache_creation'] : null;
  const hour = lifetimes ? figure(lifetimes, 'ephemeral_1h_input_tokens') : 0;
  const fiveMinutes = lifetimes ? figure(lifetimes, 'ephemeral_5m_input_tokens') : 0;
  // Some events give the lifetimes alone.
  const written = Math.max(figure(raw, 'cache_creation_input_tokens'), hour + fiveMinutes);
  const cached = figure(raw, 'cache_read_input_tokens');
  const output = figure(raw, 'output_tokens');
  const details = isObject(raw['output_tokens_details']) ? raw['output_tokens_details'] : {};
  let thinking = figure(details, 'thinking_tokens');
  if (thinking > output) {
    flags.add('reasoning-exceeds-output');
    thinking = output;
  }
  const lines: UsageLine[] = [inputLine(figure(raw, 'input_tokens'))];
  if (cached) lines.push(inputLine(cached, 'read'));
  if (written > hour) lines.push(inputLine(written - hour, 'write-5m'));
  if (hour) lines.push(inputLine(hour, 'write-1h'));
  lines.push(outputLine(output - thinking));
  if (thinking) lines.push(outputLine(thinking, 'reasoning'));
  return lines;
}

function unitsOf(raw: JsonObject, flags: Set<string>): Record<string, number> | null {
  const used = raw['server_tool_use'];
  if (!isObject(used)) return null;
  const units: Record<string, number> = {};
  const searches = tokenFigure(used, 'web_search_requests', flags);
  const fetches = tokenFigure(used, 'web_fetch_requests', flags);
  if (searches) units['searches'] = searches;
  if (fetches) units['fetches'] = fetches;
  return searches || fetches ? units : null;
}

export function renderUsage(usage: Usage | null): JsonObject {
  const totals = totalsOf(usage?.lines ?? []);
  return {
    input_tokens: totals.input - totals.cacheRead - totals.cacheWrite,
    cache_creation_input_tokens: totals.cacheWrite,
    cache_read_input_tokens: totals.cacheRead,
    output_tokens: totals.output,
    ...(totals.reasoning ? { output_tokens_details: { thinking_tokens: totals.reasoning } } : {}),
  };
}
