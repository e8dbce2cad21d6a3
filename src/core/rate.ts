import { createCalendar, type CalendarSpan } from './calendar.ts';
import type { LimitWindow } from './contracts/counter-store.ts';
import type { LimitSort } from './limit-wish.ts';

/** One limit of one policy: so many of a sort in a window. */
export interface Rate {
  readonly sort: LimitSort;
  /** Of money in nano-units. */
  readonly capacity: number;
  /** Names the window within the policy: `sliding-60000`, `bucket-60000`, `calendar-month-Europe/Berlin`. */
  readonly code: string;
  /** As it was written: `min`, `5min`, `month`. */
  readonly span: string;
  /** Length of the window; of a calendar's about as long. */
  readonly aboutMs: number;
  /** The window that a time is in; the same object as long as that is the same. */
  windowAt(nowMs: number): LimitWindow;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000 };
const spanMs: Readonly<Record<CalendarSpan, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
};
const longestMs = 31 * 86_400_000;
const longestBucketMs = 86_400_000;
/** A balance of nine million in nano-units is the largest that a counter holds. */
const mostMoney = 9_000_000;

const number = String.raw`([1-9][0-9]{0,14}|(?:0|[1-9][0-9]{0,14})\.[0-9]{1,9})`;
/** `600/min`, `600/min burst 50`, `20000 per day`; of money with up to nine decimals. */
export const ratePattern = `^${number}(?:/(([1-9][0-9]{0,6})?(s|min|h|day))(?: burst ${number})?| per (minute|hour|day|week|month))$`;
const form = new RegExp(ratePattern);

export interface RateSettings {
  /** Of the policy, for messages. */
  readonly policy: string;
  readonly sort: LimitSort;
  /** The time zone of calendar periods. */
  readonly zone: string;
}

/**
 * Reads rates: a sliding window (`600/min`), a token bucket (`600/min burst 50`), a period of the calendar (`20000 per day`).
 * @throws RangeError for what is none, is longer than 31 days (a bucket: than one), or names one window twice.
 */
export function parseRates(texts: string | readonly string[] | undefined, settings: RateSettings): Rate[] {
  const rates = (texts === undefined ? [] : [texts].flat()).map((text) => parseRate(text, settings));
  if (new Set(rates.map(({ code }) => code)).size < rates.length) {
    throw new RangeError(`${settings.policy}: ${settings.sort} names the same window twice`);
  }
  return rates;
}

function parseRate(text: string, { policy, sort, zone }: RateSettings): Rate {
  const fail = (why: string): never => {
    throw new RangeError(`${policy}: ${sort} "${text}" ${why}`);
  };
  const match = form.exec(text) ?? fail('is not like 600/min, 600/min burst 50 or 20000 per day');
  const units = (digits: string): number => {
    const parsed = sort === 'money' ? nanoUnits(digits) : digits.includes('.') ? NaN : Number(digits);
    return parsed > 0
      ? parsed
      : fail(sort === 'money' ? `is not above 0 and up to ${mostMoney}` : 'is no whole number above 0');
  };
  const capacity = units(match[1]!);
  const per = match[6] as CalendarSpan | undefined;
  if (per !== undefined) {
    const windowAt = createCalendar(per, zone);
    return { sort, capacity, code: `calendar-${per}-${zone}`, span: per, aboutMs: spanMs[per], windowAt };
  }
  const span = match[2]!;
  const windowMs = Number(match[3] ?? 1) * unitMs[match[4]!]!;
  if (windowMs < 1 || windowMs > longestMs) fail('is not of a span of up to 31 days');
  if (match[5] === undefined) {
    const window = { kind: 'sliding', windowMs } as const;
    return { sort, capacity, code: `sliding-${windowMs}`, span, aboutMs: windowMs, windowAt: () => window };
  }
  if (windowMs > longestBucketMs) fail('has a burst, and is longer than a day');
  const window = { kind: 'bucket', windowMs, burst: units(match[5]) } as const;
  return { sort, capacity, code: `bucket-${windowMs}`, span, aboutMs: windowMs, windowAt: () => window };
}

/** "12.5" in nano-units; NaN above what a counter holds. */
function nanoUnits(digits: string): number {
  const [whole, places = ''] = digits.split('.');
  const nano = BigInt(whole!) * 1_000_000_000n + BigInt(places.padEnd(9, '0'));
  return nano > BigInt(mostMoney) * 1_000_000_000n ? NaN : Number(nano);
}
