import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';

const callers = 1000;
const keys = process.env['SLUICE_LONG'] ? 20 : 2;

let upstream: JsonUpstream;
let gateway: TestGateway;
// Many connections, so that all threads get some.
const agent = new Agent({ keepAlive: true, maxSockets: 300 });
before(async () => {
  upstream = await startJsonUpstream((response, { n }) => {
    // All callers come while it runs.
    setTimeout(
      () => response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ n })),
      1500,
    );
  });
  const route = (name: string, settings: object) => ({
    name,
    match: { path: `/${name}/**` },
    to: { http: upstream.url },
    policies: [{ 'key-auth': {} }, { idempotency: settings }],
  });
  gateway = await startTestGateway({
    threads: 3,
    config: { routes: [route('now', {}), route('waiting', { wait: '2min' })] },
  });
});
after(async () => {
  agent.destroy();
  await gateway.stop();
  await upstream.close();
});

interface Raced {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: string;
}

const post = (path: string, key: string): Promise<Raced> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${testKey}`, 'idempotency-key': key };
    request(`${gateway.url}${path}`, { method: 'POST', headers, agent }, (answer) => {
      const replayed = answer.headers['idempotency-replayed'] === 'true';
      text(answer).then((body) => resolve({ status: answer.statusCode!, replayed, body }), reject);
    })
      .on('error', reject)
      .end('{}');
  });

const race = (path: string, key: string) =>
  Promise.all(Array.from({ length: callers }, () => post(path, key)));

test(`${callers} equal calls at once on three threads: one is made, each other waits for its answer`, async () => {
  for (let i = 0; i < keys; i++) {
    const before = upstream.count;
    const answers = await race('/waiting/a', randomUUID());
    assert.equal(upstream.count, before + 1);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
    assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
    assert.deepEqual([...new Set(answers.map(({ body }) => body))], [JSON.stringify({ n: before + 1 })]);
  }
});

test('or is told that it runs, at once', async () => {
  for (let i = 0; i < keys; i++) {
    const before = upstream.count;
    const answers = await race('/now/a', randomUUID());
    assert.equal(upstream.count, before + 1);
    const made = answers.filter(({ status, replayed }) => status === 201 && !replayed);
    assert.equal(made.length, 1);
    const others = answers.filter((answer) => answer !== made[0]);
    for (const { status, replayed, body } of others) {
      if (status === 201) assert.ok(replayed);
      else {
        assert.equal(status, 409);
        assert.match(body, /idempotency\/in-progress/);
      }
    }
    assert.ok(others.some(({ status }) => status === 409));
  }
});
