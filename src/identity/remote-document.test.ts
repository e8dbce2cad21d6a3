import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemoteDocument } from './remote-document.ts';

const rules = { refreshMs: 600_000, staleMs: 3_600_000, coolDownMs: 30_000 };

/** A clock that stands, and a server that answers when the test says so. */
function bench() {
  const on = { nowMs: 0, asked: [] as PromiseWithResolvers<string>[] };
  const source = {
    fetch() {
      const asked = Promise.withResolvers<string>();
      on.asked.push(asked);
      return asked.promise;
    },
    parse(text: string) {
      if (text === 'html') throw new Error('that is no document');
      return { text };
    },
  };
  const clock = { nowMs: () => on.nowMs, monotonicMs: () => on.nowMs };
  return Object.assign(on, { document: new RemoteDocument(source, rules, clock) });
}

const turn = () => new Promise(setImmediate);

test('however many ask at once, it is fetched once', async () => {
  const on = bench();
  const all = [on.document.get(), on.document.get(), on.document.newer()];
  on.asked[0]!.resolve('a');
  const [first, second, third] = await Promise.all(all);
  assert.ok(first === second && second === third);
  assert.equal(on.asked.length, 1);
});

test('it is renewed in the background, and stays the same object while its text does', async () => {
  const on = bench();
  const asked = on.document.get();
  on.asked[0]!.resolve('a');
  const first = await asked;
  on.nowMs = rules.refreshMs + 1;
  assert.equal(on.document.current, first);
  assert.equal(on.asked.length, 2, 'nobody waits for it');
  on.asked[1]!.resolve('a');
  await turn();
  assert.equal(on.document.current, first);
  on.nowMs += rules.refreshMs + 1;
  assert.equal(on.document.current, first);
  on.asked[2]!.resolve('b');
  await turn();
  assert.deepEqual(on.document.current, { text: 'b' });
});

test('while its server is away the old one holds, for a bounded time', async () => {
  const on = bench();
  const asked = on.document.get();
  on.asked[0]!.resolve('a');
  const first = await asked;
  on.nowMs = rules.refreshMs + 1;
  assert.equal(on.document.current, first);
  on.asked[1]!.reject(new Error('away'));
  await turn();
  assert.equal(on.document.current, first);
  assert.equal(on.asked.length, 2, 'it rests before it asks again');
  on.nowMs = rules.refreshMs + rules.staleMs;
  assert.equal(on.document.current, first);
  on.asked[2]!.resolve('html');
  await turn();
  on.nowMs++;
  assert.equal(on.document.current, null);
  on.nowMs += 2000;
  const late = on.document.get();
  on.asked.at(-1)!.reject(new Error('still away'));
  await assert.rejects(late, /still away/);
});

test('who asks for a newer one gets the one there is, until it has rested', async () => {
  const on = bench();
  const asked = on.document.get();
  on.asked[0]!.resolve('a');
  const first = await asked;
  for (let i = 0; i < 100; i++) assert.equal(await on.document.newer(), first);
  assert.equal(on.asked.length, 1);
  on.nowMs = rules.coolDownMs;
  const newer = on.document.newer();
  on.asked[1]!.resolve('b');
  assert.deepEqual(await newer, { text: 'b' });
});

test('where there is none, the failure is given without asking again at once', async () => {
  const on = bench();
  const asked = on.document.get();
  on.asked[0]!.reject(new Error('down'));
  await assert.rejects(asked, /down/);
  await assert.rejects(on.document.get(), /down/);
  assert.equal(on.asked.length, 1);
  on.nowMs = 2000;
  const again = on.document.get();
  on.asked[1]!.resolve('a');
  assert.deepEqual(await again, { text: 'a' });
});
