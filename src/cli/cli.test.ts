import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Receipt } from '#core/receipt.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { csvHead, csvRows } from './export-csv.ts';
import { renderTable } from './render-table.ts';
import { spawnSluice } from './testing/spawn-sluice.ts';

const state = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
writeFileSync(join(state, 'admin-token'), 'right\n', { mode: 0o600 });
after(() => rmSync(state, { recursive: true }));

const sluice = (args: readonly string[], env: Record<string, string> = {}) =>
  spawnSluice(args, { cwd: state, env });

interface Asked {
  readonly line: string;
  readonly token: string | undefined;
  readonly body: unknown;
}

/** A stand-in for the admin API that takes one token. */
async function serveAdmin(answers: Readonly<Record<string, [number, unknown]>>) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const line = `${request.method} ${request.url}`;
      const token = request.headers.authorization;
      asked.push({ line, token, body: text ? JSON.parse(text) : null });
      const [status, body] = token === 'Bearer right' ? (answers[line] ?? [404, {}]) : [401, {}];
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === null ? '' : JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, [Symbol.asyncDispose]: async () => void server.close() };
}

const key = {
  id: 'k1',
  name: 'ci\u001b[2Jbot',
  project: 'p',
  team: 't',
  models: ['a/*', 'b'],
  expiresAtMs: null,
  createdAtMs: 1,
  master: 'store',
  revoked: false,
};

test('help and version are answers; what is not understood is exit code 2', async () => {
  assert.equal((await sluice(['--help'])).code, 0);
  assert.match((await sluice(['--version'])).out, /^\d+\.\d+\.\d+/);
  for (const args of [
    ['flood'],
    ['keys', 'create', 'x'],
    ['start', '--port', '70000'],
    ['keys', 'create', 'x', '--project', 'p', '--expires', '2020-01-01'],
    ['explain', 'GET', '/', '-H', 'no colon'],
    ['ledger', 'export', '--format', 'xml'],
  ]) {
    const { code, err } = await sluice(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, /^error: /);
  }
});

test('keys are listed, made and revoked by the admin API', async () => {
  await using admin = await serveAdmin({
    'GET /v1/keys?limit=1000': [200, { keys: [], next: 'b' }],
    'GET /v1/keys?limit=1000&cursor=b': [200, { keys: [key] }],
    'POST /v1/keys': [201, { key, secret: 'sk-secret' }],
    'DELETE /v1/keys/a%2Fb': [204, null],
  });
  const where = ['--admin', admin.url, '--state', state];
  const listed = await sluice(['keys', 'list', ...where]);
  assert.match(listed.out, /^k1 +ci\\u001b\[2Jbot +p +t +a\/\*, b +never +store$/m);
  assert.equal(JSON.parse((await sluice(['keys', 'list', '--json', ...where])).out)[0].id, 'k1');

  const made = await sluice([
    ...['keys', 'create', 'ci', '--project', 'p', '--models', 'a/*,b', '--expires', '2h'],
    ...where,
  ]);
  assert.equal(made.out, 'sk-secret\n');
  const { expiresAtMs, ...wish } = admin.asked.at(-1)!.body as Record<string, unknown>;
  assert.deepEqual(wish, { name: 'ci', project: 'p', models: ['a/*', 'b'] });
  assert.ok(Math.abs(Number(expiresAtMs) - Date.now() - 7_200_000) < 600_000);

  assert.equal((await sluice(['keys', 'revoke', 'a/b', ...where])).code, 0);
  assert.equal(admin.asked.at(-1)!.line, 'DELETE /v1/keys/a%2Fb');
});

test('the environment names address and token; a wrong one is said', async () => {
  const explanation = {
    routes: [{ name: 'r', matches: true, why: 'because' }],
    route: 'r',
    policies: [{ name: 'key-auth', when: ['onHead'], summary: 'asks for a key' }],
    operation: null,
    targets: ['p/m at http://x'],
    fault: null,
  };
  await using admin = await serveAdmin({ 'POST /v1/explain': [200, explanation] });
  const env = { SLUICE_ADMIN_URL: admin.url, SLUICE_ADMIN_TOKEN: 'right' };
  const told = await sluice(['explain', 'post', '/v1/x', '-H', 'a: b: c', '-H', 'd:e', '--model', 'm'], env);
  assert.match(told.out, /-> +r +because[^]*key-auth +onHead +asks for a key[^]*p\/m at http/);
  assert.deepEqual(admin.asked.at(-1)!.body, {
    method: 'POST',
    url: '/v1/x',
    headers: ['a', 'b: c', 'd', 'e'],
    model: 'm',
    client: null,
    body: null,
  });
  const wrong = await sluice(['status'], { ...env, SLUICE_ADMIN_TOKEN: 'wrong' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /does not take this token/);
});

test('a gateway that is not there is said in one line', async () => {
  const { code, err } = await sluice(['status', '--admin', 'http://127.0.0.1:1']);
  assert.equal(code, 1);
  assert.match(err, /^sluice: the admin API at http:\/\/127\.0\.0\.1:1 cannot be reached \(.*\n$/);
});

test('CSV rows hold their columns, and no formula', () => {
  const attempt = {
    number: 1,
    provider: 'p',
    model: '=1+1',
    upstreamId: 'a"b,\n',
    usageSource: 'provider',
    currency: 'USD',
    priceVersion: 'v',
    lines: [
      { line: inputLine(3), costNano: 5n },
      { line: outputLine(2), costNano: 6n },
    ],
  };
  const receipt = {
    id: '01',
    admittedAtMs: 0,
    outcome: 'completed',
    status: 200,
    fault: null,
    subjects: { key: 'k', project: 'p', team: 't' },
    route: 'r',
    requestedModel: '@x',
    attempts: [attempt],
  } as unknown as Receipt;
  assert.equal(
    csvRows(receipt),
    `01,1,1970-01-01T00:00:00.000Z,completed,200,,k,p,t,r,'@x,p,'=1+1,"a""b,\n",provider,3,0,0,2,0,0.000000011,USD,v,0.000000011,USD,v\r\n`,
  );
  const bare = csvRows({ ...receipt, attempts: [] });
  assert.equal(bare.split(',').length, csvHead.split(',').length);
});

test('tables put numbers to the right', () => {
  const table = renderTable(
    ['name', 'count'],
    [
      ['a', 1],
      ['bb', 1000],
    ],
  );
  assert.equal(table, 'name  count\na         1\nbb     1000\n');
});
