import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { EdgeDead, EdgeKeys } from '#core/contracts/edge.ts';
import type { KeyRecord } from '#core/key.ts';
import { ControlRefusal } from './control-client.ts';
import { EdgeDesk } from './edge-desk.ts';
import { KeyFeed } from './key-feed.ts';
import { Outbox } from './outbox.ts';
import { Shipper } from './shipper.ts';

const numRuns = process.env['SLUICE_LONG'] ? 2000 : 100;

const key = (name: string): KeyRecord => ({
  ...{ id: name, name, sha256: `hash-${name}`, project: 'p', team: 't' },
  ...{ groups: [], expiresAtMs: null, models: null, createdAtMs: 0, master: 'store' as const },
});

test('whatever became of the keys, and whenever somebody asks, he ends with those that are in force', () => {
  const names = ['a', 'b', 'c'];
  const act = fc.oneof(
    fc.record({ type: fc.constant('put' as const), name: fc.constantFrom(...names) }),
    fc.record({ type: fc.constant('revoke' as const), name: fc.constantFrom(...names) }),
    fc.record({ type: fc.constantFrom('reset' as const, 'ask' as const, 'restart' as const) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const truth = new Map<string, KeyRecord>();
      let epoch = 0;
      const feed = () => new KeyFeed(`e${epoch}`, () => [...truth.values()]);
      let current = feed();
      const mine = new Map<string, KeyRecord>();
      let cursor = { epoch: '', sequence: 0 };
      const ask = () => {
        const news: EdgeKeys | null = current.since(cursor);
        if (!news) return;
        if (news.all) mine.clear();
        for (const each of news.all ?? []) mine.set(each.sha256, each);
        for (const step of news.steps)
          if (step.type === 'put') mine.set(step.key.sha256, step.key);
          else mine.delete(step.sha256);
        cursor = { epoch: news.epoch, sequence: news.sequence };
      };
      for (const each of acts) {
        if (each.type === 'ask') ask();
        if (each.type === 'restart') {
          epoch++;
          current = feed();
        }
        if (each.type === 'reset') current.push({ sequence: 0, type: 'reset', keys: [] });
        if (each.type === 'put') {
          truth.set(`hash-${each.name}`, key(each.name));
          current.push({ sequence: 0, type: 'put', key: key(each.name) });
        }
        if (each.type === 'revoke') {
          truth.delete(`hash-${each.name}`);
          current.push({ sequence: 0, type: 'revoke', sha256: `hash-${each.name}` });
        }
      }
      ask();
      assert.deepEqual([...mine.keys()].sort(), [...truth.keys()].sort());
      assert.equal(current.since(cursor), null);
    }),
    { numRuns },
  );
});

test('who waits at the desk hears at once, and when nothing comes hears that', async () => {
  const keys = new KeyFeed('e', () => []);
  let document = { text: 'a', digest: 'da', version: 1 };
  const desk = new EdgeDesk({ keys, document: () => document });
  const cursor = { digest: 'da', epoch: 'e', sequence: 0 };
  const asking = (waitMs: number, signal = new AbortController().signal) =>
    desk.changes({ cursor, leasePercent: 100, waitMs, signal });
  const nothing = { document: null, keys: null, leasePercent: 100 };
  assert.deepEqual(await asking(0), nothing);
  const alive = setInterval(() => {}, 1000);
  assert.deepEqual(await asking(20), nothing);
  const waiting = asking(600_000);
  document = { text: 'b', digest: 'db', version: 2 };
  desk.wake();
  assert.deepEqual(await waiting, { ...nothing, document });
  document = { ...document, digest: 'da' };
  const gone = new AbortController();
  const left = asking(600_000, gone.signal);
  gone.abort();
  assert.deepEqual(await left, nothing);
  const last = asking(600_000);
  desk.close();
  assert.deepEqual(await last, nothing);
  clearInterval(alive);
});

function folders(t: TestContext) {
  const state = mkdtempSync(join(tmpdir(), 'sluice-outbox-'));
  t.after(() => rmSync(state, { recursive: true }));
  const journal = join(state, 'journal');
  mkdirSync(journal);
  return {
    outbox: new Outbox(state, journal),
    left: () => readdirSync(join(state, 'outbox')).sort(),
    write: (name: string) => {
      writeFileSync(join(journal, name), name);
      return join(journal, name);
    },
  };
}

test('an outbox keeps what the ledger deletes, and has it in the order of lives', (t) => {
  const { outbox, write, left } = folders(t);
  write('w0-aa.1-0000000002.open');
  write('w1-aa.2-0000000001.sealed');
  write('something-else');
  outbox.keepPast('bb');
  rmSync(write('w0-aa.1-0000000002.open'));
  for (const name of ['w0-bb.1-0000000010.sealed', 'w0-bb.1-0000000009.sealed', 'w0-bb.1-0000000009.sealed'])
    outbox.keep(write(name));
  outbox.keep('/nowhere/w0-bb.1-0000000011.sealed');
  write('w0-bb.1-0000000011.open');
  outbox.keepDead(0, 'bb.1');
  assert.deepEqual(
    outbox.entries().map((entry) => (entry.type === 'segment' ? entry.name : entry.dead)),
    [
      'w1-aa.2-0000000001.sealed',
      'w0-aa.1-0000000002.open',
      { all: true },
      'w0-bb.1-0000000009.sealed',
      'w0-bb.1-0000000010.sealed',
      'w0-bb.1-0000000011.open',
      { worker: 0, incarnation: 'bb.1' },
    ],
  );
  assert.equal(Buffer.from(outbox.read('w0-aa.1-0000000002.open')).toString(), 'w0-aa.1-0000000002.open');
  outbox.remove('w0-aa.1-0000000002.open');
  assert.ok(!left().includes('w0-aa.1-0000000002.open'));
});

test('what is sent comes in order, is removed when it was acknowledged, and a bad one holds up nothing', async (t) => {
  const { outbox, write, left } = folders(t);
  const sent: string[] = [];
  let away = 2;
  const shipper = new Shipper({
    outbox,
    say: () => undefined,
    client: {
      async send(name: string) {
        if (away-- > 0) throw new Error('away');
        if (name.includes('0003')) throw new ControlRefusal(413, 'too large');
        sent.push(name);
      },
      async giveUp(dead: EdgeDead) {
        sent.push(JSON.stringify(dead));
      },
    },
  });
  outbox.keepPast('bb');
  for (const i of [1, 2, 3, 4]) outbox.keep(write(`w0-bb.1-000000000${i}.sealed`));
  assert.equal(shipper.lag, 4);
  const alive = setInterval(() => {}, 1000);
  shipper.wake();
  while (shipper.lag > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  clearInterval(alive);
  assert.deepEqual(sent, ['{"all":true}', ...[1, 2, 4].map((i) => `w0-bb.1-000000000${i}.sealed`)]);
  assert.deepEqual(left(), ['w0-bb.1-0000000003.sealed.refused']);
  outbox.keep(write('w0-bb.1-0000000005.sealed'));
  await shipper.close();
  assert.equal(sent.length, 5);
});
