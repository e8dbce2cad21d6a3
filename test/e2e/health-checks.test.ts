import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  answeredBy,
  answerers,
  gatewayTo,
  metricOf,
  namedUpstream,
  viewWhere,
} from '../harness/named-upstream.ts';

const limits = { timeout: 60_000 };
const often = { every: '100ms', timeout: '500ms', healthyAfter: 2, unhealthyAfter: 2 };

test('a member that says it is ill gets nothing until it says that it is well', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  const group = { targets: [one.url, two.url], health: { active: { path: '/health', ...often } } };
  const gateway = await gatewayTo(t, group, { threads: 2 });
  await viewWhere(gateway, 'both healthy', (view) =>
    view.checks.every(({ verdict }) => verdict === 'healthy'),
  );
  two.health = { status: 503, body: 'ill' };
  await answeredBy(gateway, 'one');
  const { checks } = await viewWhere(gateway, 'shown', (view) =>
    view.checks.some(({ reason }) => reason !== null),
  );
  assert.deepEqual(
    checks.map(({ id, verdict, reason }) => [id, verdict, reason]),
    [
      [one.url, 'healthy', null],
      [two.url, 'unhealthy', 'answered with status 503'],
    ],
  );
  assert.ok((await metricOf(gateway, 'sluice_health_check_total{upstream="g",result="status"}')) >= 2);
  two.health = { status: 200, body: 'fine' };
  await answeredBy(gateway, 'one', 'two');
});

test('what a good answer is: statuses and a text in the body', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  const expect = { status: ['200-204', 418], bodyContains: 'fine' };
  const group = { targets: [one.url, two.url], health: { active: { path: '/health', expect, ...often } } };
  one.health = { status: 418, body: 'all is fine here' };
  two.health = { status: 200, body: 'starting' };
  const gateway = await gatewayTo(t, group);
  await answeredBy(gateway, 'one');
  await viewWhere(gateway, 'reason', (view) =>
    view.checks.some(({ reason }) => /does not contain "fine"/.test(reason ?? '')),
  );
});

test('tcp: a server that is gone is left alone, and taken again when it is back', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  const group = { targets: [one.url, two.url], health: { active: { tcp: true, ...often } } };
  const gateway = await gatewayTo(t, group);
  await answeredBy(gateway, 'one', 'two');
  await two.close();
  await answeredBy(gateway, 'one');
  await viewWhere(gateway, 'reason', (view) =>
    view.checks.some(({ reason }) => /ECONNREFUSED/.test(reason ?? '')),
  );
  await namedUpstream(t, 'two', { port: two.port });
  await answeredBy(gateway, 'one', 'two');
});

test(
  'a member that does not answer in time is unhealthy; with all of them so, all are tried',
  limits,
  async (t) => {
    const silent = createServer(() => {});
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    t.after(() => silent.close());
    const one = await namedUpstream(t, 'one');
    const { port } = silent.address() as AddressInfo;
    const active = { path: '/health', ...often, timeout: '200ms' };
    const gateway = await gatewayTo(t, {
      targets: [one.url, `http://127.0.0.1:${port}`],
      health: { active },
    });
    await viewWhere(gateway, 'timed out', (view) =>
      view.checks.some(({ reason }) => reason === 'no answer within 200 ms'),
    );
    await answeredBy(gateway, 'one');
    one.health = { status: 500, body: '' };
    await viewWhere(gateway, 'all ill', (view) =>
      view.checks.every(({ verdict }) => verdict === 'unhealthy'),
    );
    // One of two requests at random would wait for the silent one; the first of them is the list's first.
    const answer = await Promise.any(
      [1, 2].map(() => fetch(`${gateway.url}/g/x`, { signal: AbortSignal.timeout(5000) })),
    );
    assert.equal(await answer.text(), 'one');
  },
);

test(
  'a port of its own, and a server that flaps is not put out by a single bad answer',
  limits,
  async (t) => {
    const one = await namedUpstream(t, 'one');
    const two = await namedUpstream(t, 'two');
    const group = {
      targets: [one.url],
      health: { active: { path: '/health', port: two.port, ...often, unhealthyAfter: 3, jitter: 0 } },
    };
    one.health = { status: 500, body: '' };
    const gateway = await gatewayTo(t, group);
    await viewWhere(gateway, 'healthy by the other port', (view) => view.checks[0]?.verdict === 'healthy');
    two.health = { status: 500, body: '' };
    await viewWhere(gateway, 'a bad answer', (view) => view.checks[0]?.reason !== null);
    two.health = { status: 200, body: '' };
    await viewWhere(gateway, 'a good answer', (view) => view.checks[0]?.reason === null);
    assert.deepEqual(await answerers(gateway), new Set(['one']));
  },
);
