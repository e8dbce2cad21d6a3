import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Renewed, type Lent } from './renewed.ts';

const minute = 60_000;

/** A clock that stands, and tokens that are given when the test says so. */
function bench(lifeMs: number | null) {
  const bench = {
    nowMs: 0,
    asked: [] as PromiseWithResolvers<Lent<string>>[],
    give(word: string) {
      const expiresAtMs = lifeMs === null ? null : bench.nowMs + lifeMs;
      bench.asked.at(-1)!.resolve({ value: word, expiresAtMs });
    },
  };
  const fetch = () => {
    const asked = Promise.withResolvers<Lent<string>>();
    bench.asked.push(asked);
    return asked.promise;
  };
  const kept = new Renewed(fetch, { nowMs: () => bench.nowMs, monotonicMs: () => bench.nowMs });
  return Object.assign(bench, { kept });
}

test('however many ask at once, it is fetched once', async () => {
  const { kept, asked, give } = bench(60 * minute);
  const all = [kept.get(), kept.get(), kept.get()];
  assert.equal(asked.length, 1);
  give('a');
  assert.deepEqual(await Promise.all(all), ['a', 'a', 'a']);
  assert.equal(await kept.get(), 'a');
  assert.equal(asked.length, 1);
});

test('near its end it is renewed while the old one is still given', async () => {
  const on = bench(60 * minute);
  const first = on.kept.get();
  on.give('a');
  await first;
  on.nowMs = 56 * minute;
  assert.deepEqual([await on.kept.get(), await on.kept.get()], ['a', 'a']);
  assert.equal(on.asked.length, 2);
  on.give('b');
  await on.asked[1]!.promise;
  await new Promise(setImmediate);
  assert.equal(await on.kept.get(), 'b');
});

test('so near its end that it would expire on its way, the new one is waited for', async () => {
  const on = bench(60 * minute);
  const first = on.kept.get();
  on.give('a');
  await first;
  on.nowMs = 60 * minute - 1000;
  const next = on.kept.get();
  on.give('b');
  assert.equal(await next, 'b');
});

test('when renewal fails the old one is given until its end, and then the failure', async () => {
  const on = bench(60 * minute);
  const first = on.kept.get();
  on.give('a');
  await first;
  on.nowMs = 56 * minute;
  assert.equal(await on.kept.get(), 'a');
  on.asked.at(-1)!.reject(new Error('down'));
  await new Promise(setImmediate);
  assert.equal(await on.kept.get(), 'a');
  assert.equal(on.asked.length, 2, 'it rests before it tries again');
  on.nowMs += 10_000;
  assert.equal(await on.kept.get(), 'a');
  assert.equal(on.asked.length, 3);
  on.asked.at(-1)!.reject(new Error('down'));
  await new Promise(setImmediate);
  on.nowMs = 60 * minute;
  const late = on.kept.get();
  on.asked.at(-1)!.reject(new Error('still down'));
  await assert.rejects(late, /still down/);
});

test('what does not expire is fetched once', async () => {
  const on = bench(null);
  const first = on.kept.get();
  on.give('a');
  await first;
  on.nowMs = 1e15;
  assert.equal(await on.kept.get(), 'a');
  assert.equal(on.asked.length, 1);
});
