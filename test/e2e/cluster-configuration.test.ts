import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import type { GatewayStatus } from '#core/contracts/control-plane.ts';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { blocksOf } from '../harness/snippets.ts';

let postgres: TestPostgres;
before(async () => void (postgres = await startPostgres()));
after(() => postgres.stop());

const page = (text: string) =>
  `routes: [{ name: page, match: { path: /page }, to: { static: { body: '${text}' } }, policies: [] }]\n`;
/** All that a node's own file says, as the page has it: how it is started. */
const file = parse(blocksOf('docs/cluster.md', 'yaml')[0]!) as object;

const statusOf = async (node: GatewayProcess) =>
  (await (await node.admin('/v1/status')).json()) as GatewayStatus;
const shownBy = async (node: GatewayProcess) => (await fetch(`${node.url}/page`)).text();

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const from = performance.now();
  while (!(await holds())) {
    if (performance.now() - from > 60_000) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - from;
}

const allShow = (nodes: readonly GatewayProcess[], text: string) =>
  until(`all show ${text}`, async () =>
    (await Promise.all(nodes.map(shownBy))).every((each) => each === text),
  );

function put(node: GatewayProcess, text: string, version: number): Promise<Response> {
  return node.admin('/v1/config', {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'if-match': `"${version}"` },
    body: JSON.stringify({ text }),
  });
}

test('security 45: what is applied at one of three nodes is in force at all, and goes on without PostgreSQL', async (t) => {
  const env = { DATABASE_URL: await postgres.createDatabase() };
  const nodes: GatewayProcess[] = [];
  t.after(() => Promise.all(nodes.map((node) => node.remove())));
  const some: Record<string, string>[] = [{ SHARED: 'x' }, { SHARED: 'x' }, {}];
  for (const only of some) nodes.push(await startGatewayProcess({ file, env: { ...env, ...only } }));
  const [one, two, three] = nodes as [GatewayProcess, GatewayProcess, GatewayProcess];
  const ids = (await Promise.all(nodes.map(statusOf))).map(({ nodeId }) => nodeId);
  assert.equal(new Set(ids).size, 3);
  const unready = await one.admin('/readyz');
  assert.equal(unready.status, 503);
  assert.match(await unready.text(), /there is no configuration yet: sluice apply FILE/);

  writeFileSync(join(one.folder, 'new.yaml'), page('one'));
  const applied = await one.sluice('apply', 'new.yaml');
  assert.match(applied.out, /version 1 is in force/, applied.err);
  t.diagnostic(`all three after ${Math.round(await allShow(nodes, 'one'))} ms`);
  assert.equal((await one.admin('/readyz')).status, 200);

  // Many at once: one is first, and the others are told.
  const statuses = await Promise.all(
    nodes.map(async (node, i) => (await put(node, page(`race ${i}`), 1)).status),
  );
  assert.deepEqual([...statuses].sort(), [200, 412, 412]);
  await allShow(nodes, `race ${statuses.indexOf(200)}`);
  for (let version = 2; version < 12; version++) {
    assert.equal((await put(nodes[version % 3]!, page(`v${version + 1}`), version)).status, 200);
    const afterMs = Math.round(await allShow(nodes, `v${version + 1}`));
    if (version === 11) t.diagnostic(`the last of ten after ${afterMs} ms`);
  }

  // What is wrong is refused before it is stored.
  const bad = await put(two, page('bad').replace('/page', 'no-slash'), 12);
  assert.equal(bad.status, 400);
  const own = await put(two, `${page('bad')}listen: { port: 1 }\n`, 12);
  assert.match(await own.text(), /listen.*each node's own/);

  // A node that cannot use a version says so and keeps the one before.
  assert.equal((await put(one, page('only ${env:SHARED}'), 12)).status, 200);
  await allShow([one, two], 'only x');
  await until('it is refused', async () => (await statusOf(three)).configuration.refused?.version === 13);
  const { configuration } = await statusOf(three);
  assert.match(configuration.refused!.reason, /configuration version 13:1:\d+: .*SHARED.*not set/);
  assert.deepEqual([configuration.master, configuration.storedVersion], ['cluster', 12]);
  assert.equal(await shownBy(three), 'v12');
  assert.match((await three.sluice('status')).out, /version 12, .* of the cluster; REFUSED version 13/);
  assert.equal((await put(one, page('fourteen'), 13)).status, 200);
  await allShow(nodes, 'fourteen');
  assert.equal((await statusOf(three)).configuration.refused, null);

  // PostgreSQL is gone: traffic goes on, nothing can be applied, and a node starts from what it had last.
  await postgres.kill();
  const late = await put(one, page('late'), 14);
  assert.equal(late.status, 503);
  assert.match(await late.text(), /PostgreSQL at 127\.0\.0\.1:\d+\/\w+: .*check that it runs/);
  await until('it is said', async () => (await statusOf(two)).configuration.unreachable !== null);
  await three.end();
  const kept = join(three.stateDirectory, 'configuration.json');
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.ok(!readFileSync(kept, 'utf8').includes(env.DATABASE_URL));
  await three.start();
  assert.match(three.said(), /version 14 of the configuration, which this node had last, serves on/);
  for (const node of nodes) assert.equal(await shownBy(node), 'fourteen');

  // One that has never served has nothing to go on with; nor has one whose file was damaged.
  const never = startGatewayProcess({ file, env });
  await assert.rejects(never, /PostgreSQL at .*check that it runs.*no configuration of an earlier start/s);
  await three.end();
  writeFileSync(kept, readFileSync(kept, 'utf8').replace('fourteen', 'fifteen?'));
  await assert.rejects(three.start(), /no configuration of an earlier start/);

  await postgres.restart();
  await three.start();
  await until('it can be applied', async () => (await put(one, page('back'), 14)).status === 200);
  await allShow(nodes, 'back');
  // It looks by itself every two seconds.
  await until('it is heard of again', async () => (await statusOf(one)).configuration.unreachable === null);
});

test("a node's own file that says more than how it is started is the master of that node", async (t) => {
  const env = { DATABASE_URL: await postgres.createDatabase() };
  const node = await startGatewayProcess({
    file: {
      ...file,
      routes: [{ name: 'page', match: { path: '/page' }, to: { static: { body: 'own' } } }],
      policies: [],
    },
    env,
  });
  t.after(() => node.remove());
  assert.equal(await shownBy(node), 'own');
  assert.equal((await statusOf(node)).configuration.master, 'file');
  assert.equal((await put(node, page('x'), 0)).status, 409);
});
