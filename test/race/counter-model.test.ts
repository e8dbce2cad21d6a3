import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Reservation } from '#core/contracts/counter-store.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { ReferenceCounters, type ReferenceItem } from './reference-counters.ts';

const long = process.env['SLUICE_LONG'] === '1';
// Windows of several shapes: a pane of a millisecond, one that divides evenly, ones that do not.
const item = fc.record({
  subject: fc.constantFrom('a', 'b', 'c'),
  windowMs: fc.constantFrom(40, 60, 150, 600, 1000),
  capacity: fc.integer({ min: 0, max: 60 }),
  amount: fc.integer({ min: 0, max: 25 }),
});
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('reserve' as const),
      items: fc.array(item, { minLength: 1, maxLength: 4 }),
      // Mostly forward; sometimes back.
      passedMs: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 90 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 2500 }) },
        { weight: 1, arbitrary: fc.integer({ min: -400, max: -1 }) },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('settle' as const, 'debit' as const),
      which: fc.nat(1000),
      amounts: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 4, maxLength: 4 }),
    }),
  },
);

let ids = 0;
const toItem = ({ windowMs, ...rest }: ReferenceItem) => ({
  ...rest,
  window: { kind: 'sliding' as const, windowMs },
});

test('the store answers as the reference model does, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const store = openCounterStore(createCounterMemory({ rows: 1024, reservations: 256 }), { owner: 1 });
      const model = new ReferenceCounters();
      const open: {
        reservation: Reservation;
        bookings: readonly { amount: number }[];
      }[] = [];
      const settled: typeof open = [];
      let nowMs = 1_700_000_000_123;
      for (const one of steps) {
        if (one.type === 'reserve') {
          nowMs += one.passedMs;
          const got = store.reserve(String(++ids), one.items.map(toItem), nowMs);
          const expected = model.reserve(one.items, nowMs);
          assert.equal(got.admitted, expected.admitted);
          const remaining = got.states.map((state) => state.remaining);
          assert.deepEqual(remaining, expected.remaining);
          if (got.admitted) open.push({ reservation: got.reservation, bookings: expected.bookings });
          else assert.equal(got.retryAfterMs, expected.retryAfterMs);
        } else if (open.length > 0) {
          const at = one.which % open.length;
          const { reservation, bookings } = open[at]!;
          const amounts = one.amounts.slice(0, bookings.length);
          if (one.type === 'settle') store.settle(reservation, amounts);
          else store.debit(reservation, ++ids, amounts);
          amounts.forEach((amount, i) => {
            bookings[i]!.amount = one.type === 'settle' ? amount : bookings[i]!.amount + amount;
          });
          if (one.type === 'settle') settled.push(...open.splice(at, 1));
        }
        // Late and second settlements change nothing.
        for (const { reservation } of settled) store.settle(reservation, [1, 2, 3, 4]);
      }
      for (const subject of ['a', 'b', 'c']) {
        for (const windowMs of [40, 60, 150, 600, 1000]) {
          const used = store.unitsOf({ subject, window: { kind: 'sliding', windowMs }, capacity: 0 }, nowMs);
          assert.equal(used, model.used(subject, windowMs, nowMs), `${subject} over ${windowMs} ms`);
        }
      }
    }),
    { seed: long ? Date.now() : 25, numRuns: long ? 5000 : 300 },
  );
});

test('no span of a window ever holds more than the capacity', () => {
  const span = fc.array(fc.record({ gapMs: fc.nat(80), amount: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(span, fc.constantFrom(100, 333, 1000), (arrivals, windowMs) => {
      const store = openCounterStore(createCounterMemory({ rows: 1024, reservations: 256 }), { owner: 1 });
      const admitted: { atMs: number; amount: number }[] = [];
      let nowMs = 1_000_000;
      for (const { gapMs, amount } of arrivals) {
        nowMs += gapMs;
        const items = [toItem({ subject: 's', windowMs, capacity: 10, amount })];
        if (store.reserve(String(++ids), items, nowMs).admitted) admitted.push({ atMs: nowMs, amount });
      }
      for (const { atMs: endMs } of admitted) {
        const inside = admitted.filter(({ atMs }) => atMs <= endMs && atMs > endMs - windowMs);
        assert.ok(inside.reduce((sum, { amount }) => sum + amount, 0) <= 10);
      }
    }),
    { seed: long ? Date.now() : 37, numRuns: long ? 2000 : 100 },
  );
});
