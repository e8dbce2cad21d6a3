import type { OutboxEntry } from '#core/contracts/outbox.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Receipt } from '#core/receipt.ts';
import { anotherNode, fixture, segmentsIn, type Fixture } from '../../testing/fixture.ts';
import {
  noonMs,
  recorded,
  sampleId,
  sampleIntent,
  sampleReceipt,
  testFolder,
} from '../../testing/samples.ts';
import { postgresServer, postgresStore } from '../../testing/stores.ts';
import { startLedger } from '../start-ledger.ts';
import { adoptNode } from './adopt-node.ts';

const scale = process.env['SLUICE_LONG'] ? 20 : 1;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Receipts from `from` on, sealed a few at a time while the ledger takes them in. */
async function write({ journal }: Fixture, from: number, count: number, tenants = 3): Promise<string[]> {
  const ids: string[] = [];
  for (let n = from; n < from + count; n += 1) {
    const subjects = { key: `k${n % tenants}`, project: `p${n % tenants}`, team: 'web' };
    const id = sampleId(n);
    await recorded(journal, { intent: sampleIntent(id, { subjects }) });
    await recorded(journal, { receipt: sampleReceipt(id, { subjects }) });
    ids.push(id);
    if (n % 10 === 9) journal.seal();
  }
  journal.seal();
  return ids;
}

async function idsOf({ ledger }: Fixture): Promise<string[]> {
  const ids: string[] = [];
  for await (const receipt of ledger.export({})) ids.push(receipt.id);
  return ids;
}

test('many nodes write one ledger at once, and a reader of it skips nothing', async (context) => {
  const first = await fixture(context, postgresStore);
  const nodes = [first];
  for (const name of ['n2', 'n3', 'n4']) nodes.push(await anotherNode(context, postgresStore, first, name));
  const each = 60 * scale;
  const seen: OutboxEntry[] = [];
  let done = false;
  const reading = (async () => {
    for (let isLast = false; ;) {
      const page = await nodes[3]!.ledger.entries(seen.at(-1)?.sequence ?? 0, 7);
      seen.push(...page);
      if (page.length === 0 && isLast) return;
      isLast = done;
    }
  })();
  const ids = (await Promise.all(nodes.map((node, at) => write(node, at * 100_000, each)))).flat();
  await Promise.all(nodes.map(({ ledger }) => ledger.flush()));
  done = true;
  await reading;
  const receipts = seen.filter(
    (entry): entry is OutboxEntry & { receipt: Receipt } => entry.type === 'receipt',
  );
  assert.deepEqual(receipts.map(({ receipt }) => receipt.id).sort(), ids.toSorted());
  assert.deepEqual(
    seen.map(({ sequence }) => sequence),
    seen.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
  );
  assert.deepEqual(await idsOf(first), ids.toSorted());
  assert.deepEqual(await nodes[1]!.ledger.verify(), { receipts: 4 * each, attempts: 4 * each, findings: [] });
  assert.deepEqual(
    nodes.flatMap(({ errors }) => errors),
    [],
  );
});

test('the server is killed, restarted and paused under load: nothing is lost, nothing is doubled', async (context) => {
  const server = await postgresServer();
  const first = await fixture(context, postgresStore);
  const second = await anotherNode(context, postgresStore, first, 'n2');
  const running = new AbortController();
  const writing = [first, second].map(async (node, at) => {
    const ids: string[] = [];
    while (!running.signal.aborted) {
      ids.push(...(await write(node, at * 1_000_000 + ids.length, 10)));
      await pause(20);
    }
    return ids;
  });
  const rounds = 3 * scale;
  for (let round = 0; round < rounds; round += 1) {
    await pause(200 + Math.random() * 400);
    if (round % 3 === 2) {
      server.pause();
      await pause(300);
      server.resume();
    } else {
      await server.kill();
      await pause(Math.random() * 200);
      await server.restart();
    }
  }
  running.abort();
  const ids = (await Promise.all(writing)).flat();
  await Promise.all([first.ledger.flush(), second.ledger.flush()]);
  assert.deepEqual(await idsOf(first), ids.toSorted());
  assert.deepEqual(await second.ledger.verify(), {
    receipts: ids.length,
    attempts: ids.length,
    findings: [],
  });
  assert.deepEqual([...segmentsIn(first.directory), ...segmentsIn(second.directory)], []);
  context.diagnostic(`figure: PostgreSQL killed, restarted or paused under load: ${rounds}`);
  context.diagnostic(`figure: receipts on its books after that, none lost or doubled: ${ids.length}`);
});

/** A way to the server that breaks after it has passed on a commit, before the answer comes back. */
async function breakingWay(context: TestContext, port: number) {
  let broken = 0;
  let left = 0;
  const sockets = new Set<Socket>();
  const way = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    let isCommitting = false;
    client.on('data', (chunk) => {
      isCommitting = left > 0 && chunk.includes('COMMIT');
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!isCommitting) return void client.write(chunk);
      broken += 1;
      left -= 1;
      client.destroy();
      server.destroy();
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    way.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port: own } = way.address() as { port: number };
  return { port: own, breakNext: (commits: number) => void (left = commits), broken: () => broken };
}

test('a commit whose answer is lost is not made twice', async (context) => {
  const place = await postgresStore.place(testFolder(context));
  const url = new URL(place.postgres!.server.url);
  const way = await breakingWay(context, Number(url.port));
  url.port = String(way.port);
  const folder = testFolder(context);
  const broken = {
    ...place,
    journalDirectory: folder,
    postgres: { ...place.postgres!, server: { ...place.postgres!.server, url: url.href } },
  };
  const node = await fixture(context, { ...postgresStore, place: async () => broken }, folder);
  way.breakNext(3);
  const ids: string[] = [];
  while (way.broken() < 3) {
    ids.push(...(await write(node, ids.length, 20)));
    await pause(100);
  }
  await node.ledger.flush();
  assert.deepEqual(await idsOf(node), ids);
  assert.deepEqual((await node.ledger.verify()).findings, []);
});

test('a node that is gone is settled by another, and what it says when it is back is counted once', async (context) => {
  const first = await fixture(context, postgresStore);
  const lost = await anotherNode(context, postgresStore, first, 'lost');
  const intents = [1, 2, 3].map((n) => recorded(lost.journal, { intent: sampleIntent(sampleId(n)) }));
  await Promise.all(intents);
  const mark = { exchange: sampleId(1), attempt: 1, currency: 'USD', inputTokens: 100 };
  lost.journal.progress({ ...mark, atMs: noonMs + 1_000, outputTokens: 10, costNano: '700' });
  lost.journal.seal();
  await lost.ledger.close();

  const place = { ...first.place, postgres: { ...first.place.postgres!, node: 'n2', goneAfterMs: 1 } };
  const survivor = await startLedger({
    ...place,
    journalDirectory: testFolder(context),
    onError: assert.fail,
  });
  context.after(() => survivor.close());
  while ((await survivor.receipt(sampleId(1))) === null) await pause(50);
  assert.equal((await survivor.receipt(sampleId(1)))!.attempts[0]!.lines[1]!.costNano, 700n);
  await survivor.close();

  // It was only cut off: receipts, a later mark and an attempt more have been in its journal all the time.
  const back = await anotherNode(context, postgresStore, first, 'lost');
  const receipt = sampleReceipt(sampleId(2));
  await recorded(back.journal, { receipt });
  back.journal.progress({ ...mark, atMs: noonMs + 2_000, outputTokens: 30, costNano: '1900' });
  await recorded(back.journal, { intent: sampleIntent(sampleId(3), { attempt: 2 }) });
  back.journal.seal();
  await back.ledger.flush();
  await back.ledger.recover();
  assert.deepEqual(await back.ledger.receipt(sampleId(2)), receipt);
  assert.equal((await back.ledger.receipt(sampleId(1)))!.attempts[0]!.lines[1]!.costNano, 1_900n);
  const third = (await back.ledger.receipt(sampleId(3)))!;
  assert.deepEqual([third.outcome, third.attempts.length], ['gateway_crash', 2]);
  assert.deepEqual(await back.ledger.verify(), { receipts: 3, attempts: 4, findings: [] });
  const usage = await back.ledger.usage({ groupBy: ['outcome'] });
  assert.deepEqual(
    usage.map(({ group, requests, costNano }) => [group.outcome, requests, costNano]),
    [
      ['completed', 1, 24_300n],
      ['gateway_crash', 2, 1_900n],
    ],
  );
  const types = (await back.ledger.entries(0, 100)).map(({ type }) => type);
  assert.deepEqual(types, [...Array(3).fill('receipt'), ...Array(3).fill('correction')]);
});

test('a server that is away at the start is waited for; one that is newer is not', async (context) => {
  const server = await postgresServer();
  const first = await fixture(context, postgresStore);
  await first.ledger.close();
  await server.kill();
  const errors: Error[] = [];
  const ledger = await startLedger({ ...first.place, onError: (error) => void errors.push(error) });
  context.after(() => ledger.close());
  const { journal } = { ...first };
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.close();
  assert.deepEqual(await ledger.recover(), { segments: 0, crashed: 0, isDeferred: true });
  await assert.rejects(ledger.usage({ groupBy: [] }), /PostgreSQL at/);
  assert.match(errors[0]!.message, /^PostgreSQL at 127\.0\.0\.1:\d+\/sluice_\d+: /);
  await server.restart();
  await ledger.flush();
  assert.equal((await ledger.receipt(sampleId(1)))?.id, sampleId(1));
  const books = await first.raw();
  await books.query(`INSERT INTO schema_version VALUES ('ledger', 99)`);
  await assert.rejects(startLedger({ ...first.place, onError: assert.fail }), /version 99, this build knows/);
});

test('a node is killed and its disk deleted: what is lost is the end of its journal, and nothing else', async (context) => {
  const first = await fixture(context, postgresStore);
  const directory = testFolder(context);
  const place = {
    ...first.place,
    journalDirectory: directory,
    postgres: { ...first.place.postgres!, node: 'lost' },
  };
  const script = fileURLToPath(new URL('../../testing/ledger-node.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', script, JSON.stringify(place)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const booked = async () => (await first.ledger.usage({ groupBy: [] }))[0]?.requests ?? 0;
  for (const until = Date.now() + 60_000; (await booked()) < 500; await pause(50))
    assert.ok(Date.now() < until);
  child.kill('SIGKILL');
  const killedAtMs = Date.now();
  await once(child, 'close');
  rmSync(directory, { recursive: true, force: true });

  const { server } = place.postgres;
  const wish = { server, node: 'lost', journal: null, force: true };
  const { crashed } = await adoptNode(wish);
  const onBooks = new Set<string>();
  for await (const receipt of first.ledger.export({})) {
    if (receipt.outcome === 'completed') onBooks.add(receipt.id);
  }
  const confirmed = said
    .slice(0, said.lastIndexOf('\n'))
    .split('\n')
    .map((line) => line.split(' ') as [string, string]);
  const firstLost = confirmed.findIndex(([id]) => !onBooks.has(id));
  const lost = firstLost < 0 ? [] : confirmed.slice(firstLost);
  assert.deepEqual(
    lost.filter(([id]) => onBooks.has(id)),
    [],
    'there is no gap in what is left of its journal',
  );
  const lostMs = lost.length === 0 ? 0 : killedAtMs - Number(lost[0]![1]);
  context.diagnostic(`figure: milliseconds of receipts that a deleted disk took with it: ${lostMs}`);
  context.diagnostic(
    `figure: receipts on record before that were on the books: ${confirmed.length - lost.length}`,
  );
  assert.ok(crashed > 0);
  assert.deepEqual((await first.ledger.verify()).findings, []);
});

test('a webhook whose node says nothing any more goes over to another, which goes on where it was', async (context) => {
  const first = await fixture(context, postgresStore);
  const second = await anotherNode(context, postgresStore, first, 'n2');
  const [one, two] = [first.ledger.outbox, second.ledger.outbox];
  const held = [{ subject: 'project:shop', after: 0 }];
  assert.deepEqual(await one.claim('hook', 60_000), { position: 0, held: [], stopped: null });
  assert.equal(await two.claim('hook', 60_000), null, 'it is the first one’s');
  assert.equal(await two.advance('hook', { position: 5, held: [] }, []), false);
  assert.equal(await one.advance('hook', { position: 3, held }, []), true);
  // From here on it is heard of no more.
  await one.claim('hook', 1);
  let taken = null;
  while (taken === null) taken = await two.claim('hook', 60_000);
  assert.deepEqual(taken, { position: 3, held, stopped: null });
  const letter = { webhook: 'hook', sequence: 4, event: '{}', reason: 'status 500', tries: 9 };
  assert.equal(await one.advance('hook', { position: 4, held: [] }, [letter]), false, 'it comes too late');
  assert.deepEqual(await two.letters({}, 10), []);
  assert.equal(await one.claim('hook', 60_000), null);
  assert.equal(await two.advance('hook', { position: 4, held: [] }, []), true);
});
