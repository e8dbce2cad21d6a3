export type Sort = 'requests' | 'tokens';

/** One limit of one policy: so many of a sort in any span of a window. */
export interface Rate {
  readonly sort: Sort;
  readonly capacity: number;
  readonly windowMs: number;
  /** As it was written, after the slash: `min`, `5min`. */
  readonly span: string;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000 };
const longestMs = 31 * 86_400_000;

/**
 * Reads `600/min` or a list of them.
 * @throws RangeError for what is not a rate, is longer than 31 days, or names one window twice.
 */
export function parseRates(sort: Sort, setting: string | readonly string[] | undefined): Rate[] {
  const texts = setting === undefined ? [] : typeof setting === 'string' ? [setting] : setting;
  const rates = texts.map((text): Rate => {
    const match = /^([1-9]\d{0,14})\/(([1-9]\d{0,6})?(s|min|h|day))$/.exec(text);
    if (match === null)
      throw new RangeError(`rate-limit: ${sort} "${text}" is not like 600/min or 100000/5min`);
    const windowMs = Number(match[3] ?? 1) * unitMs[match[4]!]!;
    if (windowMs > longestMs) throw new RangeError(`rate-limit: ${sort} "${text}" is longer than 31 days`);
    return { sort, capacity: Number(match[1]), windowMs, span: match[2]! };
  });
  const windows = new Set(rates.map((rate) => rate.windowMs));
  if (windows.size < rates.length) throw new RangeError(`rate-limit: ${sort} names the same window twice`);
  return rates;
}
