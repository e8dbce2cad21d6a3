import type { LimitWindow } from './contracts/counter-store.ts';

export const calendarSpans = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type CalendarSpan = (typeof calendarSpans)[number];
export type CalendarWindow = Extract<LimitWindow, { kind: 'calendar' }>;

const minuteMs = 60_000;
const dayMs = 86_400_000;

/**
 * Periods of a calendar: of days, weeks (from Monday, ISO 8601) and months in a time zone of the IANA; of hours and minutes as UTC
 * has them. Answers the period a time is in; the same object as long as that is the same.
 * @throws RangeError for a zone that is not known.
 */
export function createCalendar(per: CalendarSpan, zone: string): (nowMs: number) => CalendarWindow {
  const offsetAt = createOffsets(zone);
  let current: CalendarWindow | null = null;
  return (nowMs) => {
    if (current && nowMs >= current.startMs && nowMs < current.endMs) return current;
    return (current = periodOf(per, offsetAt, nowMs));
  };
}

type OffsetAt = (atMs: number) => number;

function periodOf(per: CalendarSpan, offsetAt: OffsetAt, nowMs: number): CalendarWindow {
  if (per === 'hour' || per === 'minute') {
    const lengthMs = per === 'hour' ? 60 * minuteMs : minuteMs;
    const startMs = nowMs - (((nowMs % lengthMs) + lengthMs) % lengthMs);
    return {
      kind: 'calendar',
      startMs,
      endMs: startMs + lengthMs,
      nextEndMs: startMs + 2 * lengthMs,
    };
  }
  const today = new Date(nowMs + offsetAt(nowMs));
  const begin = (periods: number): number => {
    const year = today.getUTCFullYear();
    const month = today.getUTCMonth();
    if (per === 'month') return midnight(Date.UTC(year, month + periods, 1), offsetAt);
    // getUTCDay counts from Sunday.
    const date =
      per === 'day'
        ? today.getUTCDate() + periods
        : today.getUTCDate() - ((today.getUTCDay() + 6) % 7) + 7 * periods;
    return midnight(Date.UTC(year, month, date), offsetAt);
  };
  // A zone that changes sides of the date line has no such day at all.
  const after = (endMs: number): number => (begin(2) > endMs ? begin(2) : begin(3));
  return { kind: 'calendar', startMs: begin(0), endMs: begin(1), nextEndMs: after(begin(1)) };
}

/**
 * When the day begins whose midnight the clocks of a zone show at `local` (as if that were UTC): at the first of two midnights, and
 * where clocks skip it, at the moment they do.
 */
function midnight(local: number, offsetAt: OffsetAt): number {
  const offsets = [offsetAt(local - dayMs), offsetAt(local + dayMs)];
  const shown = offsets.map((offset) => local - offset).filter((atMs) => atMs + offsetAt(atMs) === local);
  if (shown.length > 0) return Math.min(...shown);
  let before = local - Math.max(...offsets) - dayMs;
  let after = local - Math.min(...offsets) + dayMs;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (middle + offsetAt(middle) >= local) after = middle;
    else before = middle;
  }
  return after;
}

/** By how much the clocks of a zone are ahead of UTC, in milliseconds. @throws RangeError */
function createOffsets(zone: string): OffsetAt {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (atMs) => {
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(atMs)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts as Record<
      'year' | 'month' | 'day' | 'hour' | 'minute' | 'second',
      number
    >;
    const shown = Date.UTC(year, month - 1, day, hour, minute, second);
    return shown - Math.floor(atMs / 1000) * 1000;
  };
}
