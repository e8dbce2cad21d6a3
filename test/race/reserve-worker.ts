import { workerData } from 'node:worker_threads';
import type { LimitItem } from '#core/contracts/counter-store.ts';
import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';

/** One thread of the race tests. What it does is named by `job`; `signals` is how main and threads meet. */
export interface RaceJob {
  readonly memory: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  readonly owner: number;
  readonly job: 'race' | 'churn' | 'halt' | 'wait';
  readonly seed: number;
  readonly threads: number;
  readonly rounds: number;
  readonly callers: number;
  readonly haltAtWrite: number;
}

const data = workerData as RaceJob;
/** 0: arrivals at the barrier. 1: stop. 2: halted or done. 3: steps taken. 8…: admissions by round. */
const signals = new Int32Array(data.signals);
const forever = new Int32Array(new SharedArrayBuffer(4));
const nowMs = 1_000_000;
let writes = 0;
let ids = 0;
const store = openCounterStore(data.memory, {
  owner: data.owner,
  lockTimeoutMs: 60_000,
  afterWrite: () => {
    if (data.job !== 'halt' || ++writes !== data.haltAtWrite) return;
    Atomics.store(signals, 2, 1);
    Atomics.notify(signals, 2);
    Atomics.wait(forever, 0, 0);
  },
});
let state = data.seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const lifeItems: LimitItem[] = [
  { subject: 'tokens', window: { kind: 'sliding', windowMs: 60_000 }, capacity: 100, amount: 5 },
  { subject: 'requests', window: { kind: 'sliding', windowMs: 60_000 }, capacity: 100, amount: 1 },
  { subject: 'bucket', window: { kind: 'bucket', windowMs: 60_000, burst: 10 }, capacity: 5, amount: 3 },
  {
    subject: 'month',
    window: { kind: 'calendar', startMs: 0, endMs: 2_000_000, nextEndMs: 3_000_000 },
    capacity: 10,
    amount: 50,
    atLeast: 4,
  },
  { subject: 'places', window: { kind: 'held' }, capacity: 3, amount: 1 },
];

const jobs: Record<RaceJob['job'], () => void> = {
  /** Every round: all threads begin together, and ask as often as their share of the callers. */
  race() {
    for (let round = 0; round < data.rounds; round++) {
      Atomics.add(signals, 0, 1);
      Atomics.notify(signals, 0);
      for (let seen = 0; (seen = Atomics.load(signals, 0)) < (round + 1) * data.threads;) {
        Atomics.wait(signals, 0, seen, 100);
      }
      for (let i = 0; i < data.callers; i++) {
        const items = [
          {
            subject: `round-${round}`,
            window: { kind: 'sliding' as const, windowMs: 60_000 },
            capacity: 10,
            amount: 1,
          },
          {
            subject: `wide-${random(5)}`,
            window: { kind: 'sliding' as const, windowMs: 1000 },
            capacity: 1e9,
            amount: 7,
          },
        ];
        const result = store.reserve(
          `${data.owner}-${++ids}`,
          random(2) === 0 ? items : items.reverse(),
          nowMs + random(50),
        );
        if (result.admitted) Atomics.add(signals, 8 + round, 1);
      }
    }
  },
  /** Reserves, debits and gives everything back, until told to stop. */
  churn() {
    while (Atomics.load(signals, 1) === 0) {
      const items = Array.from({ length: 1 + random(4) }, () => ({
        subject: `s${random(12)}`,
        window: { kind: 'sliding' as const, windowMs: 31 * 86_400_000 },
        capacity: 1e9,
        amount: 1 + random(9),
      }));
      const result = store.reserve(`${data.owner}-${++ids}`, items, nowMs);
      if (!result.admitted) throw new Error('refused');
      store.debit(
        result.reservation,
        1,
        items.map(() => random(3)),
      );
      store.settle(
        result.reservation,
        items.map(() => 0),
      );
      Atomics.add(signals, 3, 1);
    }
  },
  /** Items of every kind of window through their life, standing still after the chosen write. */
  halt() {
    const result = store.reserve('life', lifeItems, nowMs);
    if (!result.admitted) throw new Error('refused');
    store.debit(result.reservation, 1, [2, 1, 2, 2, 0]);
    store.extend(result.reservation, 2, [1, 0, 9, 9, 1]);
    store.settle(result.reservation, [3, 4, 1, 2, 0]);
  },
  /** Asks once for what a halted thread has locked. */
  wait() {
    Atomics.store(signals, 2, 3);
    Atomics.notify(signals, 2);
    const items = [
      {
        subject: 'tokens',
        window: { kind: 'sliding' as const, windowMs: 60_000 },
        capacity: 100,
        amount: 100,
      },
    ];
    Atomics.store(signals, 3, store.reserve(`${data.owner}-${++ids}`, items, nowMs).admitted ? 1 : 2);
  },
};

jobs[data.job]();
if (data.job === 'halt') {
  Atomics.store(signals, 2, 2);
  Atomics.notify(signals, 2);
}
