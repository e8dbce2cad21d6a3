import type { JsonObject } from '#core/call.ts';
import { tokenFigure } from '#core/token-figure.ts';
import { inputLine, outputLine, totalsOf, type Usage } from '#core/usage.ts';

const figures = ['prompt_eval_count', 'eval_count'] as const;
const durations = ['total_duration', 'load_duration', 'prompt_eval_duration', 'eval_duration'] as const;

/**
 * The counts of the last line; null where it has none (a model was loaded or unloaded, and nothing asked). Thinking is
 * within `eval_count`. A prompt that was evaluated before has no count of its own: the usage is then a part.
 * https://docs.ollama.com/api/usage
 */
export function parseUsage(line: JsonObject): Usage | null {
  if (figures.every((name) => line[name] === undefined || line[name] === null)) return null;
  const flags = new Set<string>();
  const input = tokenFigure(line, 'prompt_eval_count', flags);
  const output = tokenFigure(line, 'eval_count', flags);
  const isPartial = flags.has('not-a-number') || flags.has('negative') || flags.has('implausible');
  const unknown = figures.filter((name) => line[name] === undefined || line[name] === null);
  for (const name of unknown) flags.add(name === 'eval_count' ? 'no-output-count' : 'no-input-count');
  if (input === 0 && output === 0 && unknown.length === 0) flags.add('zero-usage');
  const raw = [...figures, ...durations].filter((name) => line[name] !== undefined);
  return {
    lines: [inputLine(input), outputLine(output)],
    source: isPartial || unknown.length > 0 ? 'provider_partial' : 'provider',
    raw: Object.fromEntries(raw.map((name) => [name, line[name]])),
    flags: [...flags],
  };
}

export function renderUsage(usage: Usage | null): JsonObject {
  if (!usage) return {};
  const totals = totalsOf(usage.lines);
  return { prompt_eval_count: totals.input, eval_count: totals.output };
}
