/** The audit log of a whole gateway: changes by the admin API, exchanges, the command line, other places that get records. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditProof, AuditRecordView } from '#core/contracts/audit.ts';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import {
  adminToken,
  standardConfig,
  startTestGateway,
  testKey,
  type TestGateway,
} from '../harness/gateway.ts';

/** What a sink was sent; it hangs while it is told to. */
const sent: string[] = [];
const sink = { hangs: true };
const receiver = createServer((request, reply) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    if (sink.hangs) return;
    sent.push(...body.trimEnd().split('\n'));
    reply.writeHead(204).end();
  });
});

const audit = { content: 'both', mask: { fields: ['card'] } };
const config = () => ({
  policies: [{ 'key-auth': {} }, { 'model-access': {} }, { audit }],
  audit: {
    segment: '4KiB',
    sinks: [
      {
        name: 'siem',
        url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/in`,
        timeout: '200ms',
      },
    ],
  },
});

let gateway: TestGateway;
before(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  gateway = await startTestGateway({ config: config() });
});
after(async () => {
  await gateway.stop();
  receiver.closeAllConnections();
  receiver.close();
});

async function records(query = ''): Promise<AuditRecordView[]> {
  const answer = await gateway.admin(`/v1/audit?${query}`);
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { records: AuditRecordView[] }).records;
}

async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const until = Date.now() + 20_000; Date.now() < until;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not come');
}

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  gateway.admin(path, {
    method: 'POST',
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
    body: JSON.stringify(body),
  });

const chat = (body: object = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'my card is here' }],
      ...body,
    }),
  });

const sluice = (...args: string[]) =>
  spawnSluice([...args, '--state', gateway.stateDirectory], {
    cwd: gateway.stateDirectory,
    env: { SLUICE_ADMIN_TOKEN: adminToken },
  });

test('a change is on record when it is answered: who, what, before, after, and what came of it', async () => {
  const made = (await (await post('/v1/keys', { name: 'ci', project: 'web' })).json()) as {
    key: { id: string };
    secret: string;
  };
  const [created] = await records();
  assert.equal(created!['action'], 'key.create');
  assert.equal(created!['resource'], `keys/${made.key.id}`);
  assert.equal(created!['outcome'], 'done');
  assert.equal((created!['who'] as { id: string }).id, 'admin-token');
  assert.equal((created!['after'] as { name: string }).name, 'ci');
  assert.match(String(created!['address']), /127\.0\.0\.1/);

  assert.equal((await post('/v1/keys', { name: 'x', project: 'nowhere' })).status, 400);
  const [refused] = await records();
  assert.equal(refused!['outcome'], 'refused');
  assert.match(String(refused!['reason']), /nowhere/);

  assert.equal((await gateway.admin(`/v1/keys/${made.key.id}`, { method: 'DELETE' })).status, 204);
  const [revoked] = await records();
  assert.equal(revoked!['action'], 'key.revoke');
  assert.equal((revoked!['before'] as { name: string }).name, 'ci');

  const put = await gateway.admin('/v1/config', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      text: 'version: 1\nproviders: { o: { kind: openai, apiKey: sk-very-secret } }\n',
    }),
  });
  assert.equal(put.status, 409);
  const [applied] = await records();
  assert.deepEqual([applied!['action'], applied!['outcome']], ['config.apply', 'refused']);
  const one = await gateway.admin('/v1/config/projects/web', {
    method: 'DELETE',
    headers: { 'if-match': '"x"' },
  });
  assert.ok(one.status >= 400);
  assert.equal((await records())[0]!['action'], 'config.projects.remove');
  const tried = await gateway.admin('/v1/config/projects/web?dryRun=true', { method: 'DELETE' });
  assert.ok(tried.status >= 400);
  assert.equal((await records('resource=config.projects')).length, 1, 'what is only tried is no change');
  const asked = await records('resource=key.&limit=2');
  assert.deepEqual(
    asked.map(({ action }) => action),
    ['key.revoke', 'key.create'],
  );
  const everything = JSON.stringify(await records('limit=1000'));
  for (const secret of [made.secret, 'sk-very-secret', adminToken, testKey, 'sk-upstream'])
    assert.ok(!everything.includes(secret), secret);
  assert.equal(
    (await gateway.admin('/v1/audit', { headers: { authorization: 'Bearer wrong' } })).status,
    401,
  );
});

test('an exchange is on record with decisions, use, price and masked content; what a policy refused, too', async () => {
  const answer = await chat({ metadata: { card: '4000-1234' } });
  const id = answer.headers.get('x-sluice-exchange')!;
  const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
  const found = await eventually(async () => (await records(`exchange=${id}`))[0]);
  const { about, content } = found as unknown as {
    about: {
      consumer: { id: string };
      attempts: { provider: string; tokens: { output: number } }[];
      status: number;
    };
    content: {
      request: { json: { metadata: unknown } };
      answer: { choices: { blocks: { text: string }[] }[] };
    };
  };
  assert.equal(about.consumer.id, 'file:tester');
  assert.equal(about.attempts[0]!.provider, 'o');
  assert.ok(about.attempts[0]!.tokens.output > 0);
  assert.deepEqual(content.request.json.metadata, { card: '[masked]' });
  assert.equal(content.answer.choices[0]!.blocks[0]!.text, choices[0]!.message.content);

  const denied = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: '{}' });
  assert.equal(denied.status, 401);
  const refused = await eventually(
    async () => (await records(`exchange=${denied.headers.get('x-sluice-exchange')}`))[0],
  );
  const of = refused['about'] as { decidedBy: string; fault: { code: string } };
  assert.deepEqual([of.decidedBy, of.fault.code], ['key-auth', 'auth/no-credential']);

  const http = await fetch(`${gateway.url}/api/bytes/10`, {
    headers: { authorization: `Bearer ${testKey}` },
  });
  await http.arrayBuffer();
  const relayed = await eventually(
    async () => (await records(`exchange=${http.headers.get('x-sluice-exchange')}`))[0],
  );
  const body = (relayed['content'] as { answer: { bytes: number; complete: boolean } }).answer;
  assert.deepEqual([body.bytes, body.complete], [10, true]);
});

test('security 41: a sink that hangs stalls nobody, and is given everything once it answers', async () => {
  await eventually(async () => ((await metric('sluice_audit_sink_failures_total')) > 0 ? true : undefined));
  const answers = await Promise.all(Array.from({ length: 20 }, () => chat()));
  for (const answer of answers) {
    assert.equal(answer.status, 200);
    await answer.text();
  }
  sink.hangs = false;
  const last = answers[19]!.headers.get('x-sluice-exchange')!;
  await eventually(() => (sent.some((line) => line.includes(last)) ? true : undefined));
  const numbers = sent.map((line) => (JSON.parse(line) as { record: { sequence: number } }).record.sequence);
  assert.deepEqual(
    [...new Set(numbers)].sort((a, b) => a - b),
    Array.from({ length: Math.max(...numbers) }, (_, i) => i + 1),
  );
  assert.ok(!sent.join().includes('my card is here'), 'content is sealed there, too');
  assert.equal(await metric('sluice_audit_sink_dropped_total'), 0);
});

async function metric(name: string): Promise<number> {
  const text = await (await gateway.admin('/metrics')).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
}

test('sluice audit: verify, search, export and erase, by the admin API and from the directory', async () => {
  const answer = await chat({ user: 'findable-person' });
  const id = answer.headers.get('x-sluice-exchange')!;
  await answer.text();
  await eventually(async () => (await records(`exchange=${id}`))[0]);

  for (const place of [[], ['--admin', gateway.adminUrl]]) {
    const proof = JSON.parse((await sluice('audit', 'verify', '--json', ...place)).out) as AuditProof;
    assert.deepEqual(proof.findings, []);
    assert.ok(proof.segments > 2);
    const { sequence, hash } = proof.head!;
    const noted = await sluice('audit', 'verify', '--expect', `${sequence}:${hash}`, ...place);
    assert.equal(noted.code, 0, noted.err);
    const found = await sluice('audit', 'search', '--text', 'Findable-Person', '--json', ...place);
    assert.deepEqual(
      (JSON.parse(found.out) as AuditRecordView[]).map((record) => record['id']),
      [id],
    );
    const lines = (await sluice('audit', 'export', '--project', 'web', ...place)).out.trimEnd().split('\n');
    assert.ok(
      lines.length > 3 && lines.every((line) => (JSON.parse(line) as { hash: string }).hash.length === 64),
    );
    const csv = (await sluice('audit', 'export', '--format', 'csv', '--resource', 'key.create', ...place))
      .out;
    assert.match(csv, /^sequence,at,kind,who,action/);
    assert.match(csv, /key\.create,keys\//);
  }

  assert.match(
    (await sluice('audit', 'erase', '--project', 'web', '--admin', gateway.adminUrl)).out,
    /cannot be read/,
  );
  assert.deepEqual(await records('text=findable-person'), []);
  const [erased] = await records(`exchange=${id}`);
  assert.equal(erased!['contentIs'], 'erased');
  assert.equal((await sluice('audit', 'verify')).code, 0);
});

test('a reload changes what is recorded, and a changed byte is named by the command line', async () => {
  const document = standardConfig(gateway.simulator.url, {
    ...config(),
    policies: [{ 'key-auth': {} }, { audit: {} }],
  });
  gateway.rewrite(document);
  const plain = await eventually(async () => {
    const answer = await chat();
    await answer.text();
    const id = answer.headers.get('x-sluice-exchange')!;
    const record = await eventually(async () => (await records(`exchange=${id}`))[0]);
    return record['content'] === undefined ? record : undefined;
  });
  assert.ok(plain['about']);
  const [reload] = await records('resource=config.reload');
  assert.equal(reload!['outcome'], 'done');
  assert.equal((reload!['who'] as { id: string }).id, gateway.configPath);
  const { changes } = reload!['after'] as { changes: { path: string }[] };
  assert.ok(changes.some(({ path }) => path.startsWith('policies')));

  const folder = join(gateway.stateDirectory, 'audit');
  const name = readdirSync(folder).find((file) => file.endsWith('.jsonl'))!;
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const at = bytes.indexOf('key.create') + 4;
  const changed = Buffer.from(bytes);
  changed[at] = 0x43;
  writeFileSync(path, changed);
  const { code, out } = await sluice('audit', 'verify');
  writeFileSync(path, bytes);
  assert.equal(code, 1);
  const line = bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
  assert.match(out, new RegExp(`^${name}, record ${line}: was changed`, 'm'));
});
