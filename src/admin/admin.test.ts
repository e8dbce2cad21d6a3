import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, test } from 'node:test';
import type { AuditChange, AuditLog } from '#core/contracts/audit.ts';
import { servesHost } from './guard.ts';
import { startAdmin } from './index.ts';
import { asked, control, node, stands } from './testing/control.ts';

const bugs: unknown[] = [];
const recorded: AuditChange[] = [];
/** Null: it can be written. */
let diskSays: string | null = null;
let failure: string | null = null;
const audit: AuditLog = {
  get failure() {
    return failure;
  },
  async write(change) {
    failure = diskSays;
    if (failure !== null) throw new Error(failure);
    recorded.push(change);
  },
};
const admin = await startAdmin({
  host: '127.0.0.1',
  port: 0,
  control,
  audit,
  hosts: ['sluice.internal'],
  onError: (error) => bugs.push(error),
});
after(() => admin.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  // oxlint-disable-next-line no-explicit-any -- documents of every kind are looked into
  readonly json: any;
}

function ask(
  line: string,
  options: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  const [method, path] = line.split(' ');
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headers: Record<string, string> = { authorization: 'Bearer right', ...options.headers };
  if (body !== undefined) headers['content-type'] ??= 'application/json';
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port: admin.port, host: '127.0.0.1', method, path, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => {
        const isJson = /json/.test(answer.headers['content-type'] ?? '');
        resolve({
          status: answer.statusCode!,
          headers: answer.headers,
          text,
          json: isJson && text ? JSON.parse(text) : null,
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('probes and metrics need no token, everything else does', async () => {
  const headers = { authorization: '' };
  assert.equal((await ask('GET /healthz', { headers })).status, 200);
  assert.equal((await ask('GET /healthz', { headers: { host: 'pod.cluster.local' } })).status, 200);
  stands.ready = false;
  const unready = await ask('GET /readyz', { headers });
  stands.ready = true;
  assert.equal(unready.status, 503);
  assert.deepEqual(unready.json.reasons, ['worker 0 is silent']);
  assert.equal((await ask('GET /readyz', { headers })).status, 200);
  const metrics = await ask('GET /metrics', { headers });
  assert.match(metrics.text, /^x 1$/m);
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');

  const { paths } = (await ask('GET /openapi.json')).json;
  for (const [path, operations] of Object.entries<Record<string, { security: unknown[] }>>(paths)) {
    for (const [method, { security }] of Object.entries(operations)) {
      if (security.length === 0) continue;
      for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic right', 'Bearer right right']) {
        const { status, headers } = await ask(`${method.toUpperCase()} ${path.replace('{id}', 'x')}`, {
          headers: { authorization },
        });
        assert.equal(status, 401, `${method} ${path} with "${authorization}"`);
        assert.match(String(headers['www-authenticate']), /^Bearer/);
      }
    }
  }
  assert.equal((await ask('GET /v1/nothing', { headers })).status, 401);
});

test('security 44: other sites and rebound names are refused, with the right token too', async () => {
  const own = `127.0.0.1:${admin.port}`;
  const cases: [Record<string, string>, number][] = [
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }, 200],
    [{ host: 'evil.example' }, 421],
    [{ host: 'localhost.evil.example' }, 421],
    [{ host: 'sluice.internal:9080' }, 200],
    [{ host: '[::1]:9080' }, 200],
    [{ host: 'LOCALHOST' }, 200],
  ];
  for (const [headers, status] of cases) {
    assert.equal((await ask('GET /v1/status', { headers })).status, status, JSON.stringify(headers));
  }
  assert.equal((await ask('GET /metrics', { headers: { host: 'evil.example' } })).status, 421);
  assert.equal(servesHost('', ['']), false);
});

test('keys', async () => {
  const made = await ask('POST /v1/keys', { body: { name: 'ci', project: 'p', models: ['a/*'] } });
  assert.equal(made.status, 201);
  assert.equal(made.json.secret, 's');
  assert.equal(made.headers['cache-control'], 'no-store');
  assert.deepEqual(
    (await ask('GET /v1/keys')).json.keys.map(({ id }: { id: string }) => id),
    ['k1', 'file-key'],
  );
  assert.equal((await ask('DELETE /v1/keys/k1')).status, 204);

  const missing = await ask('POST /v1/keys', { body: { name: 'ci', project: 'none' } });
  assert.equal(missing.status, 404);
  assert.equal(missing.headers['content-type'], 'application/problem+json');
  assert.deepEqual(missing.json, {
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    detail: 'no project "none"',
  });
  assert.equal((await ask('DELETE /v1/keys/file-key')).status, 409);
});

test('security 44: what does not fit its schema is refused and named', async () => {
  const before = asked.length;
  const extra = await ask('POST /v1/keys', {
    body: { name: 'a', project: 'p', master: 'file', sha256: 'x' },
  });
  assert.equal(extra.status, 400);
  assert.match(extra.json.detail, /"master"/);
  const bad = [{}, { name: 1, project: 'p' }, { name: '', project: 'p' }, { name: 'a', project: 'p\n' }, []];
  for (const body of bad) assert.equal((await ask('POST /v1/keys', { body })).status, 400);
  assert.equal(
    (await ask('POST /v1/keys', { body: {}, headers: { 'content-type': 'text/plain' } })).status,
    400,
  );
  const huge = { body: { text: 'x'.repeat(1 << 20) } };
  assert.equal((await ask('POST /v1/config/check', huge)).status, 413);
  for (const query of ['by=secret', 'from=yesterday', 'to=2026-13-01', 'limit=1', 'by=team&by=key']) {
    assert.equal((await ask(`GET /v1/usage?${query}`)).status, 400, query);
  }
  assert.equal((await ask('GET /v1/receipts/..%2f..%2fkeys')).status, 400);
  assert.equal(asked.length, before);
});

test('a configuration whose master is a file is read and tried, never written', async () => {
  const read = await ask('GET /v1/config');
  assert.equal(read.headers['etag'], '"abc"');
  assert.equal(read.json.text, 'version: 1');
  assert.deepEqual((await ask('POST /v1/config/check', { body: { text: 'good' } })).json, {
    valid: true,
    findings: [],
  });
  assert.equal((await ask('POST /v1/config/check', { body: { text: 'x' } })).json.findings[0].line, 1);
  const put = await ask('PUT /v1/config', { body: { text: 'good' } });
  assert.equal(put.status, 409);
  assert.match(put.json.detail, /\/etc\/sluice\.yaml/);
  assert.deepEqual(put.json.changes, ['the patch']);
});

test('security 44: one that is stored is changed after the version that its ETag names, and never after another', async () => {
  stands.stored = 6;
  const { headers } = await ask('GET /v1/config');
  assert.equal(headers['etag'], '"6"');
  const put = (more: Record<string, string>, body: object = { text: 'good' }) =>
    ask('PUT /v1/config', { body, headers: more });
  assert.equal((await put({})).status, 428);
  for (const other of ['"5"', '"7"', '*', 'W/"6"', '"abc"', '6'])
    assert.equal((await put({ 'if-match': other })).status, 412, other);
  assert.equal((await put({ 'if-match': '"6"' }, { text: 'good', author: 'somebody' })).status, 400);
  const made = await put({ 'if-match': '"6"' }, { text: 'good', comment: 'why' });
  assert.deepEqual([made.status, made.headers['etag'], made.json.version], [200, '"7"', 7]);
  assert.deepEqual(asked.at(-1), { text: 'good', comment: 'why', author: 'admin' });
  assert.equal((await put({ 'if-match': '"6"' })).status, 412);
  assert.equal((await ask('GET /v1/config/versions?limit=3')).json.versions[0].version, 3);
  assert.equal((await ask('GET /v1/config/versions/4')).json.text, 'x');
  for (const bad of ['?limit=0', '?limit=1001', '/0', '/..%2fx', '/1.5'])
    assert.equal((await ask(`GET /v1/config/versions${bad}`)).status, 400, bad);
  assert.equal(
    (await ask('POST /v1/config/diff', { body: { text: 'x' } })).json.changes[0].path,
    'routes[llm]',
  );
  stands.stored = null;
});

test('security 44: an edge node has its own resource and nothing else, and nobody else has it', async () => {
  const edge = { authorization: 'Bearer edge-token', 'x-sluice-node': node };
  const changes = 'GET /v1/nodes/self/changes?digest=d&epoch=e&sequence=3&waitMs=99999';
  assert.equal((await ask(changes, { headers: edge })).json.leasePercent, 25);
  assert.deepEqual(asked.at(-1), ['i1', { digest: 'd', epoch: 'e', sequence: 3 }, 30_000]);
  const before = asked.length;
  const others: Record<string, string>[] = [
    { authorization: 'Bearer right', 'x-sluice-node': node },
    { ...edge, 'x-sluice-node': 'm'.repeat(16) },
    { ...edge, 'x-sluice-node': '../../../../etc/' },
    { authorization: 'Bearer edge-token' },
    { authorization: '', 'x-sluice-node': node },
  ];
  for (const headers of others) assert.equal((await ask(changes, { headers })).status, 401);
  for (const line of [
    'GET /v1/nodes',
    'GET /v1/keys',
    'GET /v1/config',
    'POST /v1/nodes/invitations',
    'GET /v1/status',
  ])
    assert.equal((await ask(line, { headers: edge })).status, 401, line);
  for (const bad of ['sequence=-1', 'sequence=1&x=1', 'sequence=1.5'])
    assert.equal(
      (await ask(`GET /v1/nodes/self/changes?digest=d&epoch=e&waitMs=1&${bad}`, { headers: edge })).status,
      400,
    );
  assert.equal(asked.length, before);

  const send = (name: string) =>
    fetch(`http://127.0.0.1:${admin.port}/v1/nodes/self/segments/${name}`, {
      method: 'PUT',
      headers: { ...edge, 'content-type': 'application/octet-stream' },
      body: new Uint8Array([1, 2, 3]),
    });
  assert.equal((await send('w0-m1abc.2-0000000007.sealed')).status, 204);
  assert.deepEqual(asked.at(-1), ['i1', 'w0-m1abc.2-0000000007.sealed', [1, 2, 3]]);
  for (const name of ['..%2f..%2fledger.db', 'w0-x', 'w0-A%2fB-1.sealed', 'w0-a-1.damaged', '.sealed'])
    assert.ok([400, 404].includes((await send(name)).status), name);

  const report = {
    name: 'h',
    version: '1',
    startedAtMs: 1,
    ready: true,
    configVersion: 3,
    refusal: null,
    lagSegments: 0,
  };
  assert.equal((await ask('PUT /v1/nodes/self/report', { headers: edge, body: report })).status, 204);
  const forged = { ...report, id: 'another' };
  assert.equal((await ask('PUT /v1/nodes/self/report', { headers: edge, body: forged })).status, 400);
  for (const [dead, status] of [
    [{ all: true }, 204],
    [{ worker: 0, incarnation: 'a.1' }, 204],
    [{ worker: 0, incarnation: "a'; --" }, 400],
    [{ all: false }, 400],
  ] as const)
    assert.equal((await ask('POST /v1/nodes/self/dead', { headers: edge, body: dead })).status, status);
});

test('invitations are made, shown without tokens, and revoked', async () => {
  const made = await ask('POST /v1/nodes/invitations', { body: { name: 'shop', leasePercent: 25 } });
  assert.deepEqual([made.status, made.json.token], [201, 'edge-token']);
  assert.ok(!(await ask('GET /v1/nodes/invitations')).text.includes('edge-token'));
  for (const body of [
    {},
    { name: 'x', leasePercent: 0 },
    { name: 'x', leasePercent: 101 },
    { name: 'x', node: 'y' },
  ])
    assert.equal((await ask('POST /v1/nodes/invitations', { body })).status, 400);
  assert.equal((await ask('DELETE /v1/nodes/invitations/i1')).status, 204);
  assert.equal((await ask('DELETE /v1/nodes/invitations/i2')).status, 404);
});

test('usage, receipts, proof and explanation', async () => {
  const usage = await ask('GET /v1/usage?by=team,model&from=2026-01-01&to=2026-01-02T00:00:00&project=p');
  assert.deepEqual(usage.json.usage, [{ team: 't', costNano: '12345678901234567890', priceNano: '1' }]);
  assert.deepEqual(asked.at(-1), {
    by: ['team', 'model'],
    fromMs: Date.UTC(2026, 0, 1),
    toMs: Date.UTC(2026, 0, 2),
    project: 'p',
    service: null,
    traceId: null,
    teams: null,
  });
  const trace = 'a'.repeat(32);
  await ask(`GET /v1/usage?by=service&service=checkout&trace=${trace}`);
  const { by, service, traceId } = asked.at(-1) as Record<string, unknown>;
  assert.deepEqual([by, service, traceId], [['service'], 'checkout', trace]);
  const id = '0'.repeat(26);
  assert.deepEqual((await ask(`GET /v1/receipts/${id}`)).json, { id });
  assert.equal((await ask(`GET /v1/receipts/${id.slice(1)}1`)).status, 404);
  assert.equal((await ask('GET /v1/ledger/verify')).json.clean, true);
  const question = {
    method: 'GET',
    url: '/x',
    headers: ['a', 'b'],
    model: null,
    client: '10.0.0.1',
    body: '{}',
  };
  assert.deepEqual((await ask('POST /v1/explain', { body: question })).json, question);
});

test('usage as CSV, re-rating, webhooks and what they were not given', async () => {
  const csv = await ask('GET /v1/usage?by=team&format=csv');
  assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8');
  assert.equal(
    csv.text,
    'team,requests,attempts,errors,inputTokens,cacheReadTokens,cacheWriteTokens,outputTokens,reasoningTokens,cost,price,currency\r\n' +
      't,,,,,,,,,12345678901.23456789,0.000000001,\r\n',
  );
  const body = { from: '2026-01-01', model: 'm', dryRun: true };
  assert.equal((await ask('POST /v1/ledger/rerate', { body })).json.examined, 2);
  const fromMs = Date.UTC(2026, 0, 1);
  assert.deepEqual(asked.at(-1), { fromMs, toMs: null, model: 'm', version: null, dryRun: true });
  assert.equal((await ask('POST /v1/ledger/rerate', { body: { all: true } })).status, 400);

  assert.deepEqual((await ask('GET /v1/events/webhooks')).json, { webhooks: [] });
  assert.equal((await ask('POST /v1/events/webhooks/hook/resume')).status, 204);
  assert.equal(asked.at(-1), 'hook');
  const letters = await ask('GET /v1/events/dead-letters?webhook=hook');
  assert.deepEqual(letters.json, { deadLetters: [{ webhook: 'hook' }] });
  assert.equal((await ask('POST /v1/events/dead-letters/7/redeliver')).status, 204);
  assert.equal((await ask('POST /v1/events/dead-letters/9/redeliver')).status, 503);
  assert.equal((await ask('DELETE /v1/events/dead-letters/7')).status, 204);
  assert.equal(asked.at(-1), 7);
  assert.equal((await ask('DELETE /v1/events/dead-letters/x')).status, 400);
});

test('a bug is told to the operator, not to the caller', async () => {
  const answer = await ask(`GET /v1/receipts/${'0'.repeat(25)}X`);
  assert.equal(answer.status, 500);
  assert.ok(!answer.text.includes('secret text'));
  assert.match(String(bugs.at(-1)), /secret text/);
});

test('who asks too much is held back, each principal and each unknown address by itself; probes never are', async (t) => {
  const limits = { requests: { amount: 3, windowMs: 60_000 }, failures: { amount: 2, windowMs: 60_000 } };
  const access = { ...control.access, settings: () => ({ users: {}, oidc: null, limits }) };
  const held = await startAdmin({
    ...{ host: '127.0.0.1', port: 0, control: { ...control, access } },
    audit: { failure: null, write: async () => undefined },
  });
  t.after(() => held.close());
  const statuses = async (path: string, authorization: string | null, times: number) => {
    const answers = await Promise.all(
      Array.from({ length: times }, () =>
        fetch(`http://127.0.0.1:${held.port}${path}`, { headers: authorization ? { authorization } : {} }),
      ),
    );
    for (const answer of answers)
      if (answer.status === 429) assert.match(answer.headers.get('retry-after')!, /^([1-9]|[1-5]\d|60)$/);
    return answers.map(({ status }) => status).sort();
  };
  assert.deepEqual(await statuses('/v1/session', 'Bearer right', 5), [200, 200, 200, 429, 429]);
  assert.deepEqual(await statuses('/v1/session', 'Bearer auditor', 3), [200, 200, 200]);
  assert.deepEqual(await statuses('/v1/session', null, 2), [401, 401]);
  assert.deepEqual(await statuses('/metrics', null, 2), [200, 429]);
  assert.deepEqual(await statuses('/healthz', null, 5), [200, 200, 200, 200, 200]);
  await statuses('/v1/session', 'Bearer wrong', 2);
  assert.deepEqual(await statuses('/v1/session', 'Bearer wrong', 2), [429, 429]);
  assert.deepEqual(
    await statuses('/v1/session', 'Bearer billing', 1),
    [429],
    'who has not been let in before waits',
  );
});

test('while the audit log cannot be written, nothing is changed; what was done when that came out says so', async () => {
  diskSays = 'no space left';
  const wish = { body: { group: 'g', member: 'm', drained: true } };
  const first = await ask('POST /v1/upstreams/drain', wish);
  assert.equal(first.status, 503);
  assert.match(first.json.detail, /It was done, but could not be recorded: no space left/);
  const before = asked.length;
  const second = await ask('POST /v1/upstreams/drain', wish);
  assert.equal(second.status, 503);
  assert.match(second.json.detail, /Nothing was changed: no space left/);
  assert.equal(asked.length, before);
  assert.equal((await ask('GET /v1/status')).status, 200);
  diskSays = null;
  assert.equal((await ask('POST /v1/upstreams/drain', wish)).status, 204);
  const [resumed, drained] = recorded.slice(-2);
  assert.deepEqual([resumed!.action, drained!.action], ['audit.resume', 'upstream.drain']);
  assert.deepEqual(drained!.after, wish.body);
});
