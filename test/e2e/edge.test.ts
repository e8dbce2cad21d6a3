import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { GatewayStatus } from '#core/contracts/control-plane.ts';
import type { NodeView } from '#core/contracts/node-directory.ts';
import { startSimulator } from '../../simulator/server.ts';
import { startReceiver } from '../../src/events/testing/receiver.ts';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';
import { startPostgres } from '../harness/postgres.ts';

const statusOf = async (node: GatewayProcess) =>
  (await (await node.admin('/v1/status')).json()) as GatewayStatus;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const from = performance.now();
  while (!(await holds().catch(() => false))) {
    if (performance.now() - from > 60_000) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A line that can be cut: what stands is broken off, and nobody gets through until it is mended. */
async function startLine(t: TestContext, first: number) {
  let port = first;
  const pairs = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      pairs.add(from);
      from.pipe(to);
      from.on('error', () => undefined);
      from.on('close', () => (pairs.delete(from), to.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    isCut = true;
    for (const socket of pairs) socket.destroy();
  };
  t.after(() => (cut(), server.close()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => (isCut = false),
    /** To another place from now on. */
    lead: (next: number) => (port = next),
  };
}

const documentFor = (simulatorUrl: string, page: string) => `
events: { webhooks: [{ name: hook, url: '\${env:HOOK_URL}', secret: '\${env:HOOK_SECRET}', types: [usage] }] }
providers:
  o: { dialect: openai-chat, baseUrl: '${simulatorUrl}/v1', apiKey: '\${env:UPSTREAM_KEY}', prefixes: [gpt-] }
prices: { 'o/*': { input: '2', output: '8' } }
routes:
  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }
  - name: limited
    match: { path: /limited }
    to: { static: { body: yes } }
    policies: [{ key-auth: {} }, { rate-limit: { by: project, requests: 10/day } }]
  - { name: page, match: { path: /page }, to: { static: { body: '${page}' } }, policies: [] }
policies: [{ key-auth: {} }, { model-access: {} }]
teams: { red: {} }
projects: { web: { team: red } }
`;

async function chat(
  node: GatewayProcess,
  key: string,
  more: object = {},
): Promise<{ status: number; id: string }> {
  const answer = await fetch(`${node.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-x', messages: [{ role: 'user', content: 'hello' }], ...more }),
  });
  await answer.text();
  return { status: answer.status, id: answer.headers.get('x-sluice-exchange') ?? '' };
}

/** Of the model's route, which nobody calls but by the edge. */
async function usageOf(node: GatewayProcess): Promise<Record<string, unknown>[]> {
  const answer = await node.admin('/v1/usage?by=route,project,model,outcome');
  const { usage } = (await answer.json()) as { usage: Record<string, unknown>[] };
  return usage.filter(({ route }) => route === 'llm');
}

const requestsOf = async (node: GatewayProcess): Promise<number> =>
  (await usageOf(node)).reduce((sum, row) => sum + Number(row['requests']), 0);

async function hookOf(node: GatewayProcess): Promise<Record<string, unknown> | undefined> {
  const answer = await node.admin('/v1/events/webhooks');
  return ((await answer.json()) as { webhooks: Record<string, unknown>[] }).webhooks[0];
}

async function applyTo(control: GatewayProcess, text: string): Promise<void> {
  writeFileSync(join(control.folder, 'new.yaml'), text);
  const applied = await control.sluice('apply', 'new.yaml');
  assert.equal(applied.code, 0, applied.err);
}

async function keyOf(control: GatewayProcess, name: string): Promise<string> {
  const made = await control.sluice('keys', 'create', name, '--project', 'web');
  assert.equal(made.code, 0, made.err);
  return made.out.trim();
}

const env = {
  UPSTREAM_KEY: 'sk-upstream',
  HOOK_URL: 'http://127.0.0.1:1/',
  HOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

test('an edge serves through the loss of its control plane, and the books of both say what was served', async (t) => {
  const simulator = await startSimulator({ port: 0 });
  t.after(() => simulator.close());
  const receiver = await startReceiver();
  t.after(() => receiver.close());
  const control = await startGatewayProcess({ file: null, env: { ...env, HOOK_URL: receiver.url } });
  t.after(() => control.remove());
  await applyTo(control, documentFor(simulator.url, 'one'));
  await until('the webhook is followed', async () => (await hookOf(control))?.['mine'] === true);
  const key = await keyOf(control, 'early');
  const line = await startLine(t, Number(new URL(control.adminUrl).port));

  // Who has no token, another's or a wrong one, does not get in.
  const invited = await control.sluice('nodes', 'invite', 'shop-floor', '--lease', '50');
  const token = invited.out.trim();
  assert.match(token, /^sluice-edge-[0-9A-Za-z]{32}$/, invited.err);
  const joining = (secret: string) =>
    startGatewayProcess({
      file: null,
      args: ['--join', line.url],
      env: { ...env, SLUICE_JOIN_TOKEN: secret },
    });
  await assert.rejects(
    joining('sluice-edge-wrong'),
    /answered 401: .*nodes invite.*nothing of an earlier start/s,
  );
  const edge = await joining(token);
  t.after(() => edge.remove());
  await assert.rejects(joining(token), /answered 401/, "the token is the first one's");

  // Configuration and keys come from there.
  const page = async () => (await fetch(`${edge.url}/page`)).text();
  assert.equal(await page(), 'one');
  assert.equal((await chat(edge, key)).status, 200);
  assert.equal((await chat(edge, 'sk-sluice-nobody')).status, 401);
  const { configuration } = await statusOf(edge);
  assert.deepEqual([configuration.master, configuration.storedVersion], ['control-plane', 1]);
  await applyTo(control, documentFor(simulator.url, 'two'));
  await until('the edge has the second', async () => (await page()) === 'two');
  const late = await keyOf(control, 'late');
  await until('the edge has the new key', async () => (await chat(edge, late)).status === 200);
  const refused = await edge.admin('/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'x', project: 'web' }),
  });
  assert.equal(refused.status, 409);
  assert.equal((await edge.sluice('apply', join(control.folder, 'new.yaml'))).code, 1);

  // Of a limit each gives out what is its own: the control plane all of it, this edge its lease.
  for (const [node, most] of [
    [control, 10],
    [edge, 5],
  ] as const) {
    const headers = { authorization: `Bearer ${key}` };
    const statuses = await Promise.all(
      Array.from({ length: 14 }, async () => (await fetch(`${node.url}/limited`, { headers })).status),
    );
    assert.equal(statuses.filter((status) => status === 200).length, most);
  }

  // The line is cut under load; the edge serves on, and starts anew without it.
  let served = 0;
  const load = async (seconds: number) => {
    const end = performance.now() + seconds * 1000;
    const loop = async () => {
      while (performance.now() < end) {
        const { status } = await chat(edge, key, { stream: served % 2 === 0 });
        assert.equal(status, 200);
        served++;
      }
    };
    await Promise.all(Array.from({ length: 4 }, loop));
  };
  const cutSoon = setTimeout(() => line.cut(), 500);
  t.after(() => clearTimeout(cutSoon));
  await load(2);
  line.cut();
  await until('it is said', async () => (await statusOf(edge)).configuration.unreachable !== null);
  await load(1);
  assert.ok(served > 10, String(served));
  assert.match(
    (await statusOf(edge)).configuration.unreachable!,
    /the control plane at .* cannot be reached/,
  );
  // It dies in the middle of streams.
  const calls = () => simulator.calls().filter(({ path }) => path === '/v1/chat/completions').length;
  const before = calls();
  const long = {
    stream: true,
    messages: [{ role: 'user', content: 'simulate:{"tokens":2000,"paceMs":20}' }],
  };
  const broken = Promise.allSettled(Array.from({ length: 3 }, () => chat(edge, key, long)));
  await until('the streams are under way', async () => calls() === before + 3);
  // Past a mark of how far they have come.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await edge.end('SIGKILL');
  await broken;
  await edge.start();
  assert.match(edge.said(), /version 2 of the configuration, which this node had last, serves on/);
  assert.equal(await page(), 'two');
  await load(1);
  for (const file of ['configuration.json', 'joined-keys.json'])
    assert.equal(statSync(join(edge.stateDirectory, file)).mode & 0o777, 0o600);
  const kept = readFileSync(join(edge.stateDirectory, 'joined-keys.json'), 'utf8');
  assert.ok(!kept.includes(key) && kept.includes('sha256'));
  assert.ok(readdirSync(join(edge.stateDirectory, 'outbox')).length > 0);

  // Back again: what was missed comes, what is owed goes, once.
  const revoke = async (name: string) => {
    const { keys } = (await (await control.admin('/v1/keys')).json()) as {
      keys: { id: string; name: string }[];
    };
    const { id } = keys.find((each) => each.name === name)!;
    assert.equal((await control.sluice('keys', 'revoke', id)).code, 0);
  };
  await revoke('late');
  await applyTo(control, documentFor(simulator.url, 'three'));
  assert.equal((await chat(edge, late)).status, 200, 'nobody has told the edge yet');
  line.mend();
  await until('the edge has the third', async () => (await page()) === 'three');
  await until('the key is refused', async () => (await chat(edge, late)).status === 401);
  await until('nothing is owed', async () => {
    await edge.admin('/v1/ledger/verify');
    const left = readdirSync(join(edge.stateDirectory, 'outbox')).length;
    return left === 0 && (await requestsOf(edge)) === (await requestsOf(control));
  });
  const ofEdge = await usageOf(edge);
  assert.deepEqual(await usageOf(control), ofEdge);
  const completed = ofEdge.filter((row) => row['outcome'] !== 'refused');
  const total = completed.reduce((sum, row) => sum + Number(row['attempts']), 0);
  assert.equal(total, calls(), 'each call to the provider is on the books');
  assert.equal(ofEdge.find((row) => row['outcome'] === 'gateway_crash')?.['requests'], 3);
  t.diagnostic(`${served} exchanges under load, ${calls()} calls at the provider, on both books`);
  for (const node of [control, edge])
    assert.equal(((await (await node.admin('/v1/ledger/verify')).json()) as { clean: boolean }).clean, true);

  // What passed through the edge is told by the control plane, each exchange once, when it comes on its books.
  await until('all is told', async () => (await hookOf(control))?.['behind'] === 0);
  const told = receiver.taken
    .flatMap(({ events }) => events)
    .filter(({ data }) => data['route'] === 'llm')
    .map(({ id }) => id);
  assert.equal(told.length, await requestsOf(edge));
  assert.equal(new Set(told).size, told.length);
  assert.equal(await hookOf(edge), undefined);

  // Nodes are seen, and one that is not invited any more hears nothing.
  const { nodes } = (await (await control.admin('/v1/nodes')).json()) as { nodes: NodeView[] };
  assert.deepEqual(nodes.map(({ kind, configVersion, ready }) => [kind, configVersion, ready]).sort(), [
    ['edge', 3, true],
    ['member', 3, true],
  ]);
  assert.match((await control.sluice('nodes')).out, /edge .* ready/);
  const [invitation] = (
    (await (await control.admin('/v1/nodes/invitations')).json()) as { invitations: { id: string }[] }
  ).invitations;
  assert.equal((await control.sluice('nodes', 'revoke', invitation!.id)).code, 0);
  await until('it is told', async () =>
    /answered 401/.test((await statusOf(edge)).configuration.unreachable ?? ''),
  );
  assert.equal(await page(), 'three');
});

test('a document with secrets written in it goes to no edge', async (t) => {
  const control = await startGatewayProcess({
    file: { providers: { a: { kind: 'anthropic', apiKey: 'sk-literal' } }, listen: { port: 0 } },
  });
  t.after(() => control.remove());
  const token = (await control.sluice('nodes', 'invite', 'x')).out.trim();
  const joining = startGatewayProcess({
    file: null,
    args: ['--join', control.adminUrl],
    env: { SLUICE_JOIN_TOKEN: token },
  });
  await assert.rejects(
    joining,
    /answered 409: The configuration has secrets written in it \(providers\.a\.apiKey\)/,
  );
});

test('an edge whose control plane has its books in PostgreSQL: its exchanges are there, once, whichever node it reaches', async (t) => {
  const simulator = await startSimulator({ port: 0 });
  t.after(() => simulator.close());
  const postgres = await startPostgres();
  t.after(() => postgres.stop());
  const file = { listen: { port: 0 }, storage: { postgres: { url: await postgres.createDatabase() } } };
  const startControl = async () => {
    const node = await startGatewayProcess({ file, env });
    t.after(() => node.remove());
    return node;
  };
  const first = await startControl();
  await applyTo(first, documentFor(simulator.url, 'one'));
  const key = await keyOf(first, 'early');
  const line = await startLine(t, Number(new URL(first.adminUrl).port));
  const token = (await first.sluice('nodes', 'invite', 'shop-floor')).out.trim();
  const joined = { ...env, SLUICE_JOIN_TOKEN: token };
  const edge = await startGatewayProcess({ file: null, args: ['--join', line.url], env: joined });
  t.after(() => edge.remove());
  for (let n = 0; n < 3; n++) assert.equal((await chat(edge, key)).status, 200);
  await until('they are on the books', async () => (await requestsOf(first)) === 3);
  // The node that it has joined by is gone; another one of the same database answers in its place.
  await first.end('SIGKILL');
  for (let n = 0; n < 3; n++) assert.equal((await chat(edge, key)).status, 200);
  const second = await startControl();
  line.lead(Number(new URL(second.adminUrl).port));
  await applyTo(second, documentFor(simulator.url, 'two'));
  await until(
    'the edge has the second',
    async () => (await (await fetch(`${edge.url}/page`)).text()) === 'two',
  );
  await until('all is on the books', async () => (await requestsOf(second)) === 6);
  assert.deepEqual(await usageOf(second), await usageOf(edge));
  assert.equal(((await (await second.admin('/v1/ledger/verify')).json()) as { clean: boolean }).clean, true);
});
