import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { standardConfig, testKey } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

let folder: string;
let state: string;
let config: string;
let upstream: JsonUpstream;
let ports: { readonly listen: number; readonly admin: number };
/** How often the upstream was asked with a key. */
const asked = new Map<string, number>();
/** Answers wait while it is set. */
let held: Promise<void> | null = null;

before(async () => {
  upstream = await startJsonUpstream((response, { n, request }) => {
    const key = String(request.headers['idempotency-key']);
    asked.set(key, (asked.get(key) ?? 0) + 1);
    void Promise.resolve(held).then(() =>
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n })),
    );
  });
  folder = mkdtempSync(join(tmpdir(), 'sluice-idempotency-'));
  state = join(folder, 'state');
  config = join(folder, 'sluice.yaml');
  ports = { listen: await freePort(), admin: await freePort() };
  const one = [{ 'concurrency-limit': { by: 'route', max: 1 } }, { queue: { wait: '5min' } }];
  const routes = [
    {
      name: 'queued',
      match: { path: '/queued/**' },
      to: { http: upstream.url },
      policies: ['default', ...one],
    },
    { name: 'api', match: { path: '/**' }, to: { http: upstream.url } },
  ];
  const document = standardConfig(upstream.url, {
    listen: { port: ports.listen },
    admin: { port: ports.admin },
    state,
    threads: 2,
    routes,
    policies: [{ 'key-auth': {} }, { idempotency: {} }],
  });
  writeFileSync(config, stringify(document));
});
after(async () => {
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', 'src/cli/sluice.ts', 'start', '--config', config],
    { stdio: 'ignore' },
  );
  for (const until = Date.now() + 60_000; ; await pause(30)) {
    const ready = await fetch(`http://127.0.0.1:${ports.admin}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return child;
    assert.ok(Date.now() < until && child.exitCode === null, 'the gateway did not start');
  }
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const post = (key: string, path = '/orders') =>
  fetch(`http://127.0.0.1:${ports.listen}${path}`, {
    method: 'POST',
    body: '{"a":1}',
    headers: { authorization: `Bearer ${testKey}`, 'idempotency-key': key },
  });
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;

async function until(holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 60_000; !holds(); await pause(20))
    assert.ok(Date.now() < endMs, 'it did not come to that');
}

/** All that stands in journals. */
function journal(): Buffer {
  const directory = join(state, 'journal');
  return Buffer.concat(readdirSync(directory).map((file) => readFileSync(join(directory, file))));
}

/** The states of claims, as they stand in the file. */
function statesIn(): string[] {
  const database = new DatabaseSync(join(state, 'answers.db'), { timeout: 5000 });
  try {
    return database
      .prepare('SELECT state FROM entries')
      .all()
      .map((row) => String(row['state']));
  } finally {
    database.close();
  }
}

test('kill -9 while the call waits for its turn: nothing was sent, and the key is free', async () => {
  const answered = Promise.withResolvers<void>();
  held = answered.promise;
  const child = await start();
  const before = upstream.count;
  const running = post('running', '/queued/1').catch(() => null);
  await until(() => upstream.count === before + 1);
  const waiting = post('claimed', '/queued/1').catch(() => null);
  await until(() => statesIn().includes('claimed'));
  await end(child, 'SIGKILL');
  assert.deepEqual(await Promise.all([running, waiting]), [null, null]);
  answered.resolve();
  held = null;
  const next = await start();
  const answer = await post('claimed', '/queued/1');
  assert.deepEqual([answer.status, answer.headers.get('idempotency-replayed')], [201, null]);
  assert.equal(upstream.count, before + 2);
  await end(next, 'SIGTERM');
});

test('kill -9 while the upstream works: the key is uncertain, and the call is not made again', async () => {
  const answered = Promise.withResolvers<void>();
  held = answered.promise;
  const child = await start();
  const before = upstream.count;
  const lost = post('dispatched').catch(() => null);
  await until(() => upstream.count === before + 1);
  assert.ok(statesIn().includes('begun'));
  await end(child, 'SIGKILL');
  assert.equal(await lost, null);
  answered.resolve();
  held = null;
  const next = await start();
  for (let i = 0; i < 2; i++) {
    const answer = await post('dispatched');
    assert.equal(answer.status, 409);
    assert.equal(answer.headers.get('x-should-retry'), 'false');
    assert.equal(await codeOf(answer), 'idempotency/uncertain');
  }
  assert.equal(upstream.count, before + 1);
  await end(next, 'SIGTERM');
});

test('security 55: kill -9 when the receipt is written and the answer is not kept yet: uncertain, and charged once', async () => {
  const answered = Promise.withResolvers<void>();
  held = answered.promise;
  const child = await start();
  const before = upstream.count;
  const lost = post('answered')
    .then((answer) => answer.text())
    .catch(() => null);
  await until(() => upstream.count === before + 1);
  // Whoever would write there now has to wait.
  const database = new DatabaseSync(join(state, 'answers.db'), { timeout: 5000 });
  database.exec('BEGIN IMMEDIATE');
  answered.resolve();
  held = null;
  await until(() => journal().includes('"outcome":"completed"'));
  await end(child, 'SIGKILL');
  database.exec('ROLLBACK');
  database.close();
  assert.equal(await lost, null, 'nobody has seen the end of an answer that is not kept');
  const next = await start();
  const problem = (await (await post('answered')).json()) as { code: string; detail: string };
  assert.equal(problem.code, 'idempotency/uncertain');
  const first = /\(exchange (\w+)\)/.exec(problem.detail)?.[1];
  assert.equal(upstream.count, before + 1);
  await end(next, 'SIGTERM');
  const receipts = [...readLedger(join(state, 'ledger.db')).export({})];
  const made = receipts.filter(({ id }) => id === first);
  assert.deepEqual(
    made.map(({ status, outcome, attempts }) => [status, outcome, attempts.length]),
    [[201, 'completed', 1]],
  );
  assert.equal(receipts.filter(({ replayOf }) => replayOf === first).length, 0);
});

test('kill -9 once it was answered: the answer is given again', async () => {
  const child = await start();
  const before = upstream.count;
  const first = await (await post('kept')).text();
  await end(child, 'SIGKILL');
  const next = await start();
  const again = await post('kept');
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal(await again.text(), first);
  assert.equal(upstream.count, before + 1);
  await end(next, 'SIGTERM');
});

test('kill -9 at any moment: no key is charged twice, and each says what became of it', async () => {
  const rounds = process.env['SLUICE_LONG'] ? 60 : 3;
  const seen = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    const child = await start();
    const keys = Array.from({ length: 40 }, (_, i) => `round-${round}-${i}`);
    const calls = keys.map(async (key, i) => {
      await pause(i * 7);
      const answer = await post(key).catch(() => null);
      const text = await answer?.text().catch(() => null);
      if (answer?.status === 201 && text) seen.set(key, text);
    });
    await pause(40 + ((round * 97) % 260));
    await end(child, 'SIGKILL');
    await Promise.all(calls);
    const next = await start();
    for (const key of keys) {
      const answer = await post(key);
      const text = await answer.text();
      const times = asked.get(key) ?? 0;
      if (answer.status === 409) {
        assert.match(text, /idempotency\/uncertain/);
        assert.ok(!seen.has(key), 'who has seen an answer gets it again');
        assert.ok(times <= 1, `${key} was made ${times} times`);
      } else {
        // Made before the kill and given again, or made now.
        assert.equal(answer.status, 201, text);
        assert.equal(times, 1, key);
        if (seen.has(key)) assert.equal(text, seen.get(key));
      }
    }
    await end(next, 'SIGTERM');
  }
});
