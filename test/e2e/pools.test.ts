/** Pools through a whole gateway: real servers, real threads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { MemberReport, PoolReport } from '#core/contracts/pool-control.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { eventually, gatewayTo, groupConfig, metricOf, namedUpstream } from '../harness/named-upstream.ts';

const limits = { timeout: 60_000 };

async function ask(gateway: TestGateway, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${gateway.url}/g/x`, { headers: { connection: 'close', ...headers } });
  const text = await answer.text();
  return answer.ok ? text : `${answer.status}`;
}

async function sharesOf(gateway: TestGateway, count: number): Promise<Record<string, number>> {
  const shares: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const who = await ask(gateway);
    shares[who] = (shares[who] ?? 0) + 1;
  }
  return shares;
}

async function membersOf(gateway: TestGateway, group = 'g'): Promise<readonly MemberReport[]> {
  const { upstreams } = (await (await gateway.admin('/v1/upstreams')).json()) as { upstreams: PoolReport[] };
  return upstreams.find((each) => each.group === group)?.members ?? assert.fail(`${group} is not shown`);
}

/** A server whose every answer a test decides. */
async function serverOf(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test(
  'round robin by weight, and members of a higher number only when the others are out',
  limits,
  async (t) => {
    const one = await namedUpstream(t, 'one');
    const two = await namedUpstream(t, 'two');
    const far = await namedUpstream(t, 'far');
    const targets = [
      { url: one.url, weight: 3 },
      { url: two.url, weight: 1 },
      { url: far.url, priority: 1 },
    ];
    const gateway = await gatewayTo(t, {
      targets,
      health: { passive: { failures: 1, eject: '60s', maxEjected: 100 } },
    });
    assert.deepEqual(await sharesOf(gateway, 40), { one: 30, two: 10 });
    await one.close();
    await two.close();
    await eventually('the far one has all', async () => {
      const shares = await sharesOf(gateway, 10);
      return shares['far'] === 10;
    });
  },
);

test('a dead server is put out by what happens to it, shown, and comes back', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  let ill = true;
  const other = await serverOf(t, (_, response) => {
    response.statusCode = ill ? 500 : 200;
    response.end('other');
  });
  const group = {
    targets: [one.url, other],
    health: { passive: { failures: 3, eject: '2s', maxEject: '2s' } },
  };
  const gateway = await gatewayTo(t, group, { threads: 2 });
  // Each thread takes its own turns.
  for (let failed = 0, i = 0; failed < 3 && i < 40; i++) if ((await ask(gateway)) === '500') failed++;
  // What one thread has found out holds for both.
  assert.deepEqual(await sharesOf(gateway, 20), { one: 20 });
  const out = (await membersOf(gateway)).find(({ id }) => id === other)!;
  assert.deepEqual([out.state, out.failures, out.ejections], ['ejected', 3, 1]);
  assert.equal(await metricOf(gateway, `sluice_upstream_member_up{upstream="g",member="${other}"}`), 0);
  ill = false;
  await eventually('it is back', async () => (await sharesOf(gateway, 4))['other'] === 2);
});

test(
  'an open breaker spares its server, probes it, and closes; a reload forgets nothing',
  limits,
  async (t) => {
    let ill = true;
    let asked = 0;
    const only = await serverOf(t, (_, response) => {
      asked++;
      response.statusCode = ill ? 503 : 200;
      response.end('well');
    });
    const group = {
      targets: [only],
      breaker: { failures: 4, open: '1500ms', probes: 2 },
      retries: { attempts: 1 },
    };
    const gateway = await gatewayTo(t, group, { threads: 2 });
    for (let i = 0; i < 30; i++) assert.equal(await ask(gateway), '503');
    assert.equal(asked, 4, 'afterwards nobody was sent there');
    const { version } = await statusOf(gateway);
    gateway.rewrite(
      standardConfig(gateway.simulator.url, { ...groupConfig(group), drain: { delay: '1ms' } }),
    );
    await eventually('reloaded', async () => (await statusOf(gateway)).version > version);
    const [before] = await membersOf(gateway);
    assert.equal(before!.state, 'open');
    assert.equal(await ask(gateway), '503');
    assert.equal(asked, 4, 'nor after a reload');
    ill = false;
    await eventually(
      'it closes',
      async () => (await ask(gateway)) === 'well' && (await membersOf(gateway))[0]!.state === 'up',
    );
    assert.equal((await membersOf(gateway))[0]!.breakerOpens, 1);
  },
);

async function statusOf(gateway: TestGateway): Promise<{ version: number }> {
  const status = (await (await gateway.admin('/v1/status')).json()) as { snapshotVersion: number };
  return { version: status.snapshotVersion };
}

test('a storm: a failing server gets no more than its breaker lets through', limits, async (t) => {
  let asked = 0;
  const failing = await serverOf(t, (_, response) => {
    asked++;
    response.statusCode = 500;
    response.end();
  });
  const group = {
    targets: [failing],
    breaker: { minimum: 10, failureRatio: 0.5, open: '60s' },
    retries: { attempts: 3, on: ['5xx'], backoff: { base: '1ms', max: '1ms' } },
  };
  const gateway = await gatewayTo(t, group);
  await Promise.all(Array.from({ length: 300 }, () => ask(gateway)));
  assert.ok(asked >= 10 && asked <= 320, `${asked} while it was found out`);
  const known = asked;
  await Promise.all(Array.from({ length: 300 }, () => ask(gateway)));
  assert.equal(asked, known);
});

test('a slow server loses traffic: by latency, and by what it has in flight', limits, async (t) => {
  const quick = await namedUpstream(t, 'quick');
  const slow = await serverOf(t, (_, response) => void setTimeout(() => response.end('slow'), 150));
  for (const balance of ['peak-ewma', 'least-connections']) {
    const gateway = await gatewayTo(t, { targets: [quick.url, slow], balance }, { threads: 2 });
    const names: string[] = [];
    const caller = async () => {
      for (let i = 0; i < 40; i++) names.push(await ask(gateway));
    };
    await Promise.all(Array.from({ length: 6 }, caller));
    const toSlow = names.filter((name) => name === 'slow').length;
    assert.ok(toSlow >= 1 && toSlow < names.length / 4, `${balance}: ${toSlow} of ${names.length}`);
  }
});

test(
  'consistent hash by a header: the same server over connections, threads and reloads',
  limits,
  async (t) => {
    const servers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => namedUpstream(t, name)));
    const group = {
      targets: servers.map(({ url }) => url),
      balance: 'consistent-hash',
      hashBy: 'header:x-tenant',
    };
    const gateway = await gatewayTo(t, group, { threads: 2 });
    const tenants = Array.from({ length: 24 }, (_, i) => `tenant-${i}`);
    const homes = new Map<string, string>();
    for (const tenant of tenants) homes.set(tenant, await ask(gateway, { 'x-tenant': tenant }));
    assert.ok(new Set(homes.values()).size >= 3);
    const { version } = await statusOf(gateway);
    gateway.rewrite(
      standardConfig(gateway.simulator.url, { ...groupConfig(group), drain: { delay: '1ms' } }),
    );
    await eventually('reloaded', async () => (await statusOf(gateway)).version > version);
    for (const tenant of [...tenants, ...tenants])
      assert.equal(await ask(gateway, { 'x-tenant': tenant }), homes.get(tenant));
  },
);

test('a cookie brings a client back to its server, until that is out', limits, async (t) => {
  const servers = await Promise.all(['a', 'b', 'c'].map((name) => namedUpstream(t, name)));
  const group = {
    targets: servers.map(({ url }) => url),
    sticky: { cookie: 'srv', ttl: '1h' },
    health: { passive: { failures: 1, eject: '60s' } },
  };
  const gateway = await gatewayTo(t, group, { threads: 2 });
  const answer = await fetch(`${gateway.url}/g/x`);
  const home = await answer.text();
  const set = answer.headers.get('set-cookie')!;
  assert.match(set, /^srv=[\w-]{12}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=3600$/);
  const cookie = set.split(';')[0]!;
  for (let i = 0; i < 12; i++) assert.equal(await ask(gateway, { cookie }), home);
  const again = await fetch(`${gateway.url}/g/x`, { headers: { cookie } });
  assert.deepEqual([await again.text(), again.headers.get('set-cookie')], [home, null]);
  await servers['abc'.indexOf(home)]!.close();
  const moved = await fetch(`${gateway.url}/g/x`, { headers: { cookie } });
  assert.notEqual(await moved.text(), home);
  assert.notEqual(moved.headers.get('set-cookie')!.split(';')[0], cookie);
});

test('an operator drains a member, and lets it take part again', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  const gateway = await gatewayTo(t, { targets: [one.url, two.url] }, { threads: 2 });
  const drain = (member: string, drained: boolean) =>
    gateway.admin('/v1/upstreams/drain', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ group: 'g', member, drained }),
    });
  assert.equal((await drain(two.url, true)).status, 204);
  assert.deepEqual(await sharesOf(gateway, 10), { one: 10 });
  assert.equal((await membersOf(gateway)).find(({ id }) => id === two.url)!.state, 'drained');
  assert.equal((await drain(two.url, false)).status, 204);
  await eventually('both', async () => Object.keys(await sharesOf(gateway, 10)).length === 2);
  assert.equal((await drain('http://nobody', true)).status, 404);
});

test("a model's targets take turns by weight, and are shown", limits, async (t) => {
  const models = {
    even: { targets: ['o/gpt-x', { target: 'a/claude-x', weight: 3 }], strategy: 'round-robin' },
  };
  const gateway = await startTestGateway({ config: { models }, threads: 1 });
  t.after(() => gateway.stop());
  for (let i = 0; i < 8; i++) {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'even', messages: [{ role: 'user', content: 'hi' }] }),
    });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
  }
  const counts = await membersOf(gateway, 'model/even');
  assert.deepEqual(
    counts.map(({ id, successes, inFlight }) => [id, successes, inFlight]),
    [
      ['o/gpt-x', 2, 0],
      ['a/claude-x', 6, 0],
    ],
  );
});
