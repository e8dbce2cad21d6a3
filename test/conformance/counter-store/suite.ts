import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { CounterStore, LimitItem, LimitWindow, Reservation } from '#core/contracts/counter-store.ts';
import { CounterModel, type ModelReservation } from './model.ts';

const long = process.env['SLUICE_LONG'] === '1';
const startMs = 1_700_000_000_123;

/** A store as the suite needs it: with a clock that it sets, and accesses as several threads or nodes have them. */
export interface StoreUnderTest {
  /** Another access to the same counters. */
  open(): Promise<CounterStore>;
  setNow(nowMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Windows of several shapes, each with the rows it has. Capacities differ from call to call, as after a reload. */
const windows: readonly LimitWindow[] = [
  { kind: 'sliding', windowMs: 40 },
  { kind: 'sliding', windowMs: 150 },
  { kind: 'sliding', windowMs: 1000 },
  { kind: 'bucket', windowMs: 60, burst: 20 },
  { kind: 'bucket', windowMs: 700, burst: 9 },
  { kind: 'held' },
  // Placed on the grid of periods when the time is known.
  { kind: 'calendar', startMs: 0, endMs: 400, nextEndMs: 800 },
  { kind: 'calendar', startMs: 0, endMs: 3000, nextEndMs: 6000 },
];

const amount = fc.integer({ min: 0, max: 25 });
const item = fc.record(
  {
    subject: fc.constantFrom('a', 'b'),
    window: fc.nat(windows.length - 1),
    capacity: fc.integer({ min: 0, max: 60 }),
    amount,
    atLeast: fc.integer({ min: 0, max: 10 }),
  },
  { requiredKeys: ['subject', 'window', 'capacity', 'amount'] },
);
const amounts = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 4, maxLength: 4 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('reserve' as const),
      items: fc.array(item, { minLength: 1, maxLength: 4 }),
      asksTwice: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('settle' as const, 'debit' as const, 'extend' as const),
      which: fc.nat(1000),
      amounts,
      asksTwice: fc.boolean(),
    }),
  },
);
const history = fc.array(
  fc.record({
    step,
    // Mostly forward; sometimes far, sometimes back.
    passedMs: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 90 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 2500 }) },
      { weight: 1, arbitrary: fc.integer({ min: -400, max: -1 }) },
    ),
  }),
  { maxLength: 50 },
);

/** Periods in the way that a caller finds them, whose clock may be a little behind the store's. */
function placed(window: LimitWindow, nowMs: number): LimitWindow {
  if (window.kind !== 'calendar') return window;
  const lengthMs = window.endMs;
  const start = Math.floor((nowMs - (nowMs % 7)) / lengthMs) * lengthMs;
  return { kind: 'calendar', startMs: start, endMs: start + lengthMs, nextEndMs: start + 2 * lengthMs };
}

/** One limit has one capacity within a call. */
const sameCapacity = (item: LimitItem, _: number, all: readonly LimitItem[]): LimitItem => ({
  ...item,
  capacity: all.find(({ subject }) => subject === item.subject)!.capacity,
});

const nameOf = (window: LimitWindow): string =>
  [window.kind, ...Object.values(window).filter((value) => typeof value === 'number' && value > 0)].join('-');

/**
 * What every store of counters keeps, whatever it is made of. Run by one test file for each.
 * @param opens A store with nothing in it.
 */
export function testCounterStore(opens: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: CounterStore;
  let run = 0;
  before(async () => {
    under = await opens();
    store = await under.open();
  });
  after(() => under.close());
  const now = async (nowMs: number) => {
    await under.setNow(nowMs);
    return nowMs;
  };

  test('answers as the model does, whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        run++;
        const model = new CounterModel();
        const open: { reservation: Reservation; model: ModelReservation; step: number }[] = [];
        const settled: typeof open = [];
        let nowMs = startMs;
        const toItem = ({
          window: n,
          ...rest
        }: { window: number } & Omit<LimitItem, 'window'>): LimitItem => ({
          ...rest,
          subject: `${run}/${nameOf(windows[n]!)}/${rest.subject}`,
          window: placed(windows[n]!, nowMs),
        });
        for (const [n, { step: one, passedMs }] of steps.entries()) {
          nowMs = await now(nowMs + passedMs);
          if (one.type === 'reserve') {
            const items = one.items.map(toItem).map(sameCapacity);
            const expected = model.reserve(items, nowMs);
            const got = await store.reserve(`${run}-${n}`, items, nowMs);
            assert.equal(got.admitted, expected.admitted);
            assert.deepEqual(got.states, expected.states);
            if (!got.admitted) {
              assert.equal(got.retryAfterMs, expected.retryAfterMs);
              assert.deepEqual(got.refusedBy, expected.states[expected.refusedBy]);
              continue;
            }
            assert.deepEqual(got.reservation.granted, expected.granted);
            if (one.asksTwice) assert.deepEqual(await store.reserve(`${run}-${n}`, items, nowMs), got);
            open.push({ reservation: got.reservation, model: expected.reservation!, step: 0 });
          } else if (open.length > 0) {
            const at = one.which % open.length;
            const entry = open[at]!;
            const asked = one.amounts.slice(0, entry.model.items.length);
            const number = ++entry.step;
            if (one.type === 'extend') {
              const booked = model.extend(entry.model, asked, nowMs);
              assert.deepEqual(await store.extend(entry.reservation, number, asked), booked);
              if (one.asksTwice)
                assert.deepEqual(await store.extend(entry.reservation, number, asked), booked);
            } else if (one.type === 'debit') {
              model.debit(entry.model, asked);
              await store.debit(entry.reservation, number, asked);
              if (one.asksTwice) await store.debit(entry.reservation, number, asked);
            } else {
              model.settle(entry.model, asked);
              await store.settle(entry.reservation, asked);
              settled.push(...open.splice(at, 1));
            }
          }
          // What comes late, or a second time, changes nothing.
          const late = settled.at(n % Math.max(1, settled.length));
          if (late) {
            const again = late.model.items.map(() => 7);
            await store.settle(late.reservation, again);
            assert.deepEqual(
              await store.extend(late.reservation, 99, again),
              again.map(() => 0),
            );
          }
        }
        const all = windows.flatMap((_, n) =>
          ['a', 'b'].map((subject) => toItem({ subject, window: n, capacity: 1000, amount: 0 })),
        );
        assert.deepEqual(await store.inspect(all, nowMs), model.inspect(all, nowMs));
      }),
      { seed: long ? Date.now() : 25, numRuns: long ? 2000 : 60 },
    );
  });

  test('no span of a window, and no time with a burst, ever holds more than is allowed', async () => {
    const arrivals = fc.array(fc.record({ gapMs: fc.nat(80), units: fc.integer({ min: 1, max: 5 }) }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(arrivals, fc.constantFrom(100, 333, 1000), async (calls, windowMs) => {
        run++;
        const kinds: readonly LimitWindow[] = [
          { kind: 'sliding', windowMs },
          { kind: 'bucket', windowMs, burst: 6 },
        ];
        const admitted: { atMs: number; units: number }[][] = [[], []];
        let nowMs = startMs;
        for (const [n, { gapMs, units }] of calls.entries()) {
          nowMs = await now(nowMs + gapMs);
          for (const [k, window] of kinds.entries()) {
            const items = [{ subject: `${run}/${nameOf(window)}`, window, capacity: 10, amount: units }];
            const result = await store.reserve(`${run}-${n}-${k}`, items, nowMs);
            if (result.admitted) admitted[k]!.push({ atMs: nowMs, units });
          }
        }
        const within = (k: number, fromMs: number, toMs: number) =>
          admitted[k]!.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).reduce(
            (sum, a) => sum + a.units,
            0,
          );
        for (const { atMs } of admitted[0]!) assert.ok(within(0, atMs - windowMs + 1, atMs) <= 10);
        for (const from of admitted[1]!) {
          for (const to of admitted[1]!) {
            if (to.atMs < from.atMs) continue;
            const allowed = 6 + ((to.atMs - from.atMs) * 10) / windowMs;
            assert.ok(within(1, from.atMs, to.atMs) <= allowed + 1e-9);
          }
        }
      }),
      { seed: long ? Date.now() : 37, numRuns: long ? 500 : 25 },
    );
  });

  test('counts exactly up to 2^53', async () => {
    const nowMs = await now(startMs);
    const most = Number.MAX_SAFE_INTEGER;
    for (const window of windows.map((each) => placed(each, nowMs))) {
      const wide = window.kind === 'bucket' ? { ...window, burst: most } : window;
      const limit = { subject: `most/${nameOf(window)}`, window: wide, capacity: most };
      const first = await store.reserve(`most-1-${nameOf(window)}`, [{ ...limit, amount: most - 5 }], nowMs);
      assert.ok(first.admitted);
      assert.equal(first.states[0]!.remaining, 5);
      const second = await store.reserve(`most-2-${nameOf(window)}`, [{ ...limit, amount: 6 }], nowMs);
      assert.ok(!second.admitted);
      const third = await store.reserve(`most-3-${nameOf(window)}`, [{ ...limit, amount: 5 }], nowMs);
      assert.ok(third.admitted);
      // Full: what is used beyond is not added to, and sums stay what they are.
      await store.debit(third.reservation, 1, [100]);
      assert.equal((await store.inspect([limit], nowMs))[0]!.remaining, 0);
      await store.settle(third.reservation, [2]);
      assert.equal((await store.inspect([limit], nowMs))[0]!.remaining, 3);
    }
  });

  test('all or nothing: a call that one limit refuses leaves nothing in the others', async () => {
    const nowMs = await now(startMs);
    const all = windows.map((window, n) => ({
      ...{ subject: `all/${nameOf(window)}`, window: placed(window, nowMs), amount: 2 },
      capacity: n === windows.length - 1 ? 1 : 50,
    }));
    const before = await store.inspect(all, nowMs);
    const result = await store.reserve('all-1', all, nowMs);
    assert.ok(!result.admitted);
    assert.equal(result.refusedBy.subject, all.at(-1)!.subject);
    assert.equal(result.retryAfterMs, Infinity);
    assert.deepEqual(await store.inspect(all, nowMs), before);
  });

  test('32 windows fit in one reservation', async () => {
    const nowMs = await now(startMs);
    const items = Array.from({ length: 32 }, (_, n) => ({
      ...{ subject: `many/${n}`, window: placed(windows[n % windows.length]!, nowMs) },
      ...{ capacity: 100, amount: 1 },
    }));
    const result = await store.reserve('many', items, nowMs);
    assert.ok(result.admitted);
    assert.equal(result.states.length, 32);
    await assert.rejects(async () => store.reserve('more', [...items, items[0]!], nowMs), RangeError);
  });

  test('refuses what is no number of units', async () => {
    const nowMs = await now(startMs);
    for (const bad of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      const items = [{ subject: 'bad', window: windows[2]!, capacity: 10, amount: bad }];
      await assert.rejects(async () => store.reserve('bad', items, nowMs), RangeError);
      const result = await store.reserve(`good-${bad}`, [{ ...items[0]!, amount: 0 }], nowMs);
      assert.ok(result.admitted);
      await assert.rejects(async () => store.settle(result.reservation, [bad]), RangeError);
      await assert.rejects(async () => store.extend(result.reservation, 1, [bad]), RangeError);
    }
    const window = { kind: 'bucket', windowMs: 86_400_001, burst: 1 } as const;
    const longer = [{ subject: 'long', window, capacity: 1, amount: 1 }];
    await assert.rejects(async () => store.reserve('long', longer, nowMs), RangeError);
  });

  test('a reservation is settled from another access than made it', async () => {
    const nowMs = await now(startMs);
    const other = await under.open();
    const limit = { subject: 'handed-on', window: { kind: 'held' } as const, capacity: 3 };
    const result = await store.reserve('handed-on', [{ ...limit, amount: 3 }], nowMs);
    assert.ok(result.admitted);
    assert.equal((await other.inspect([limit], nowMs))[0]!.remaining, 0);
    await other.settle(result.reservation, [0]);
    assert.equal((await other.inspect([limit], nowMs))[0]!.remaining, 3);
  });

  test('callers over several accesses against a limit for ten: exactly ten are admitted', async (t) => {
    const accesses = await Promise.all([1, 2, 3].map(() => under.open()));
    const rounds = long ? 20 : 3;
    const nowMs = await now(startMs);
    let wrong = 0;
    for (let round = 0; round < rounds; round++) {
      for (const window of windows.map((each) => placed(each, nowMs))) {
        const limit = (subject: string, capacity: number): Omit<LimitItem, 'amount'> => ({
          ...{ subject: `${subject}/${round}/${nameOf(window)}`, capacity },
          window: window.kind === 'bucket' ? { ...window, burst: capacity } : window,
        });
        // The second one is booked by the admitted alone: all or nothing.
        const items = [
          { ...limit('race', 10), amount: 1 },
          { ...limit('beside', 100_000), amount: 7 },
        ];
        const results = await Promise.all(
          accesses.flatMap((access, a) =>
            Array.from({ length: 100 }, async (_, n) =>
              access.reserve(`race-${round}-${nameOf(window)}-${a}-${n}`, items, nowMs),
            ),
          ),
        );
        if (results.filter(({ admitted }) => admitted).length !== 10) wrong++;
        const [, beside] = await store.inspect(items, nowMs);
        assert.equal(beside!.remaining, 100_000 - 70);
      }
    }
    assert.equal(wrong, 0);
    t.diagnostic(
      `figure: races of 300 callers over three accesses for 10 places: ${rounds * windows.length}`,
    );
  });
}
