const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A whole number with its unit, or 0. Part of the published schema. */
export const durationPattern = '^(?:0|[0-9]{1,9}(?:ms|s|m|h|d))$';

/**
 * Parses `250ms`, `30s`, `5m`, `2h`, `1d` into milliseconds; `0` is nothing.
 * @throws RangeError for anything else, a number without its unit above all.
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text);
  const count = Number(match?.[1]);
  if (!match || (match[2] === undefined && text !== '0')) {
    throw new RangeError(`expected a duration with its unit, such as 30s or 250ms, got "${text}"`);
  }
  return match[2] === undefined ? 0 : count * units[match[2]]!;
}
