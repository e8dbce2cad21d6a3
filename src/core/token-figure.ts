import type { JsonObject } from './call.ts';

/** Nobody's answer has this many tokens: a figure beyond it is a mistake. */
const implausibleTokens = 1_000_000_000;

/**
 * A count of tokens as a provider gave it. What cannot be a count is taken as none, and flagged: `not-a-number`,
 * `negative`, `implausible`, `fraction`. The raw object is kept beside it, so nothing is replaced silently.
 */
export function tokenFigure(source: JsonObject | null | undefined, name: string, flags: Set<string>): number {
  const value = source?.[name];
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || Number.isNaN(value)) return flagged(flags, 'not-a-number');
  if (value < 0) return flagged(flags, 'negative');
  if (value > implausibleTokens) return flagged(flags, 'implausible');
  if (Number.isInteger(value)) return value;
  flags.add('fraction');
  return Math.ceil(value);
}

function flagged(flags: Set<string>, flag: string): number {
  flags.add(flag);
  return 0;
}
