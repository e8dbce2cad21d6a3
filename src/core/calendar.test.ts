import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { calendarSpans, createCalendar, type CalendarSpan } from './calendar.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 500;
const at = (text: string): number => Date.parse(text);
const period = (per: CalendarSpan, zone: string, nowMs: number): string => {
  const { startMs, endMs, nextEndMs } = createCalendar(per, zone)(nowMs);
  return [startMs, endMs, nextEndMs].map((ms) => new Date(ms).toISOString()).join(' ');
};

test('months, weeks and days are those of the zone', () => {
  const nowMs = at('2026-03-29T12:00:00Z');
  assert.equal(
    period('month', 'Europe/Berlin', nowMs),
    '2026-02-28T23:00:00.000Z 2026-03-31T22:00:00.000Z 2026-04-30T22:00:00.000Z',
  );
  assert.equal(
    period('week', 'UTC', nowMs),
    '2026-03-23T00:00:00.000Z 2026-03-30T00:00:00.000Z 2026-04-06T00:00:00.000Z',
  );
  // The day on which clocks go forward has 23 hours.
  assert.equal(
    period('day', 'Europe/Berlin', nowMs),
    '2026-03-28T23:00:00.000Z 2026-03-29T22:00:00.000Z 2026-03-30T22:00:00.000Z',
  );
  assert.equal(
    period('month', 'Asia/Kolkata', at('2026-12-31T18:30:00Z')),
    '2026-12-31T18:30:00.000Z 2027-01-31T18:30:00.000Z 2027-02-28T18:30:00.000Z',
  );
});

test('a day whose midnight is skipped begins when the clocks have moved', () => {
  // In Cairo, 2025-04-25 began at 01:00.
  assert.match(period('day', 'Africa/Cairo', at('2025-04-25T08:00:00Z')), /^2025-04-24T22:00:00.000Z /);
});

test('a day that a zone does not have is in no period', () => {
  assert.equal(
    period('day', 'Pacific/Apia', at('2011-12-29T20:00:00Z')),
    '2011-12-29T10:00:00.000Z 2011-12-30T10:00:00.000Z 2011-12-31T10:00:00.000Z',
  );
});

test('whatever the zone, periods follow on each other and hold their time', () => {
  const zones = Intl.supportedValuesOf('timeZone');
  const time = fc.integer({ min: at('1990-01-01T00:00:00Z'), max: at('2037-01-01T00:00:00Z') });
  fc.assert(
    fc.property(fc.constantFrom(...calendarSpans), fc.constantFrom(...zones), time, (per, zone, nowMs) => {
      const calendar = createCalendar(per, zone);
      const { startMs, endMs, nextEndMs } = calendar(nowMs);
      assert.ok(startMs <= nowMs && nowMs < endMs && endMs < nextEndMs, `${per} in ${zone} at ${nowMs}`);
      assert.equal(calendar(endMs - 1).startMs, startMs);
      assert.deepEqual([calendar(endMs).startMs, calendar(endMs).endMs], [endMs, nextEndMs]);
    }),
    { numRuns: runs },
  );
});

test('a zone that is not there is refused', () => {
  assert.throws(() => createCalendar('day', 'Mars/Olympus'), RangeError);
});
