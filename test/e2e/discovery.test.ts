import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { standardConfig } from '../harness/gateway.ts';
import { a, srv, startDnsServer } from '../harness/dns-server.ts';
import {
  answeredBy,
  answerers,
  endpoint,
  eventually,
  gatewayTo,
  groupConfig,
  metricOf,
  namedUpstream,
  viewOf,
  viewWhere,
} from '../harness/named-upstream.ts';

const limits = { timeout: 60_000 };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-discovery-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test(
  'A records: members come and go with the answers, on all threads; Host keeps the name',
  limits,
  async (t) => {
    const one = await namedUpstream(t, 'one');
    const two = await namedUpstream(t, 'two', { address: '127.0.0.2', port: one.port });
    const dns = await startDnsServer(t, { 'orders.test A': [a('127.0.0.1')] });
    const discover = { dns: { name: 'orders.test', port: one.port, every: '100ms' } };
    const gateway = await gatewayTo(
      t,
      { discover },
      { threads: 2, more: { dns: { servers: [dns.address] } } },
    );
    await answeredBy(gateway, 'one');
    assert.equal(one.hosts[0], `orders.test:${one.port}`);
    dns.zone = { 'orders.test A': [a('127.0.0.1'), a('127.0.0.2')] };
    await answeredBy(gateway, 'one', 'two');
    dns.zone = { 'orders.test A': [a('127.0.0.2')] };
    await answeredBy(gateway, 'two');
    assert.equal(two.hosts[0], `orders.test:${one.port}`);
    assert.deepEqual((await viewOf(gateway)).members, [`http://orders.test:${one.port}#127.0.0.2`]);
    assert.equal(await metricOf(gateway, 'sluice_upstream_members{upstream="g"}'), 1);
  },
);

test('an answer that fails or is empty leaves the last good members, and says so', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const dns = await startDnsServer(t, { 'orders.test A': [a('127.0.0.1')] });
  const discover = { dns: { name: 'orders.test', port: one.port, every: '100ms' } };
  const gateway = await gatewayTo(t, { discover }, { more: { dns: { servers: [dns.address] } } });
  await answeredBy(gateway, 'one');
  for (const wrong of ['SERVFAIL', 'NXDOMAIN', []] as const) {
    dns.zone = { 'orders.test A': wrong };
    const { discovery } = await viewWhere(gateway, 'stale', (view) => view.discovery!.stale);
    assert.match(discovery!.error!.message, /expected A records of orders\.test.*, got/);
    assert.deepEqual(await answerers(gateway), new Set(['one']));
    dns.zone = { 'orders.test A': [a('127.0.0.1')] };
    await viewWhere(gateway, 'good again', (view) => view.discovery!.error === null);
  }
  assert.ok((await metricOf(gateway, 'sluice_discovery_errors_total{upstream="g"}')) >= 3);
  // The members never changed, so neither did their generation.
  assert.equal((await viewOf(gateway)).discovery!.generation, 1);
});

test('the TTL decides when a name is asked for again', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const dns = await startDnsServer(t, {
    'brief.test A': [a('127.0.0.1', 1)],
    'long.test A': [a('127.0.0.1', 60)],
  });
  const group = (name: string) => ({ discover: { dns: { name, port: one.port, minTtl: '100ms' } } });
  const upstreams = { g: group('brief.test'), long: group('long.test') };
  await gatewayTo(t, {}, { more: { upstreams, dns: { servers: [dns.address] } } });
  const askedFor = (name: string) => dns.asked.filter((question) => question === `${name} A`).length;
  await eventually('three questions', async () => askedFor('brief.test') >= 3);
  assert.equal(askedFor('long.test'), 1);
});

test('SRV: ports, hosts, priority and weight are those of the records', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two', { address: '127.0.0.2' });
  const dns = await startDnsServer(t, {
    '_http._tcp.orders.test SRV': [
      srv('a.orders.test', { port: one.port, weight: 3 }),
      srv('b.orders.test', { port: two.port, weight: 0 }),
      srv('gone.orders.test', { port: 1 }),
    ],
    'a.orders.test A': [a('127.0.0.1')],
    'b.orders.test A': [a('127.0.0.2')],
  });
  const discover = { dns: { name: '_http._tcp.orders.test', type: 'SRV', every: '100ms' } };
  const gateway = await gatewayTo(t, { discover }, { more: { dns: { servers: [dns.address] } } });
  await answeredBy(gateway, 'one', 'two');
  assert.equal(one.hosts[0], `a.orders.test:${one.port}`);
  assert.deepEqual((await viewOf(gateway)).members, [
    `http://a.orders.test:${one.port}#127.0.0.1`,
    `http://b.orders.test:${two.port}#127.0.0.2`,
  ]);
});

test('a file: replaced or written anew, refused when wrong, missed when gone', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  const path = join(folderOf(t), 'members.yaml');
  writeFileSync(path, `- ${one.url}\n`);
  const gateway = await gatewayTo(t, { discover: { file: { path } } }, { threads: 2 });
  await answeredBy(gateway, 'one');
  writeFileSync(`${path}.new`, JSON.stringify([one.url, { url: two.url, weight: 2 }]));
  renameSync(`${path}.new`, path);
  await answeredBy(gateway, 'one', 'two');
  writeFileSync(path, `- ${two.url}\n`);
  await answeredBy(gateway, 'two');
  const refusals: [string, RegExp][] = [
    [`- ${one.url}\n- ftp://a.test\n`, /line 2, \[1\]: expected an http or https URL.*ftp:/],
    [`- { url: '${one.url}', wieght: 2 }\n`, /line 1.*wieght.*did you mean "weight"/],
    ['- http://user:pass@a.test\n', /line 1/],
    ['- http://a.test:99999\n', /http or https URL/],
    ['[]', /at least one member, got an empty list/],
    ['- [', /line \d/],
  ];
  for (const [text, message] of refusals) {
    writeFileSync(path, text);
    const { discovery } = await viewWhere(gateway, `${text} is refused`, (view) =>
      message.test(view.discovery!.error?.message ?? ''),
    );
    assert.ok(!discovery!.error!.message.includes('pass'), 'a password is shown');
    assert.deepEqual(await answerers(gateway), new Set(['two']));
  }
  unlinkSync(path);
  await viewWhere(gateway, 'gone', (view) => /ENOENT/.test(view.discovery!.error?.message ?? ''));
  writeFileSync(path, `- ${one.url}\n`);
  await answeredBy(gateway, 'one');
});

test('an endpoint: ETag, limits of size and time, nothing wrong is taken', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const two = await namedUpstream(t, 'two');
  let answer: { status?: number; body?: string; silent?: boolean } = { body: JSON.stringify([one.url]) };
  let notModified = 0;
  const asked: (string | undefined)[] = [];
  const url = await endpoint(t, (request, response) => {
    asked.push(request.headers['x-token'] as string | undefined);
    if (answer.silent) return;
    const body = answer.body ?? '';
    const etag = `"${body.length}-${body.slice(0, 60).replaceAll(/[^\w]/g, '')}"`;
    if (request.headers['if-none-match'] === etag) {
      notModified++;
      response.writeHead(304).end();
    } else response.writeHead(answer.status ?? 200, { etag, location: '/x' }).end(body);
  });
  const http = {
    url: `${url}/members?team=a`,
    every: '100ms',
    timeout: '300ms',
    headers: { 'X-Token': 't' },
  };
  const gateway = await gatewayTo(t, { discover: { http } });
  await answeredBy(gateway, 'one');
  await eventually('not modified', async () => notModified >= 2);
  assert.equal(asked[0], 't');
  const good = { body: JSON.stringify([{ url: two.url, priority: 1 }]) };
  answer = good;
  await answeredBy(gateway, 'two');
  const refusals: [typeof answer, RegExp][] = [
    [{ status: 500, body: 'x' }, /expected status 200, got 500/],
    [{ status: 302, body: '' }, /got 302; redirects are not followed/],
    [{ body: 'no' }, /expected a JSON list/],
    [{ body: '["file:///etc/passwd"]' }, /expected an http or https URL/],
    [{ body: '["http://user:pass@a.test"]' }, /expected an http or https URL without credentials/],
    [{ body: `["${'x'.repeat(1 << 20)}"]` }, /at most 1 MiB/],
    [{ silent: true }, /within 300 ms, got none/],
  ];
  for (const [wrong, message] of refusals) {
    answer = wrong;
    await viewWhere(gateway, String(message), (view) => message.test(view.discovery!.error?.message ?? ''));
    assert.deepEqual(await answerers(gateway, 3), new Set(['two']));
    // Good again, lest the next try wait ever longer.
    answer = good;
    await viewWhere(gateway, 'good again', (view) => view.discovery!.error === null);
  }
  answer = { body: JSON.stringify([one.url]) };
  await answeredBy(gateway, 'one');
});

test('until the first answer: not ready, up to a bound, and a fault that says so', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const path = join(folderOf(t), 'members.json');
  const gateway = await gatewayTo(t, { discover: { file: { path }, startupWait: '1500ms' } });
  const ready = async () =>
    (await gateway.admin('/readyz')).json() as Promise<{ ready: boolean; reasons: string[] }>;
  const first = await ready();
  assert.equal(first.ready, false);
  assert.match(first.reasons.join(), /upstream g has no members yet/);
  assert.deepEqual(await answerers(gateway, 1), new Set(['upstream/unavailable']));
  await eventually('ready after the bound', async () => (await ready()).ready);
  writeFileSync(path, JSON.stringify([one.url]));
  await answeredBy(gateway, 'one');
});

test('a reload keeps what was discovered while the source is the same', limits, async (t) => {
  const one = await namedUpstream(t, 'one');
  const dns = await startDnsServer(t, { 'orders.test A': [a('127.0.0.1')] });
  const group = (every: string, name = 'orders.test') =>
    groupConfig({ discover: { dns: { name, port: one.port, every } } }, { dns: { servers: [dns.address] } });
  const gateway = await gatewayTo(t, {}, { more: group('1h') });
  await answeredBy(gateway, 'one');
  dns.zone = { 'orders.test A': 'SERVFAIL', 'other.test A': 'SERVFAIL' };
  const reloaded = async (document: object, wanted: number) => {
    gateway.rewrite({ ...standardConfig(gateway.simulator.url), ...document });
    await eventually(`version ${wanted}`, async () => {
      const { version } = (await (await gateway.admin('/v1/config')).json()) as { version: number };
      return version === wanted;
    });
  };
  await reloaded(group('50min'), 2);
  await viewWhere(gateway, 'stale', (view) => view.discovery!.stale);
  assert.deepEqual(await answerers(gateway), new Set(['one']));
  await reloaded(group('50min', 'other.test'), 3);
  await eventually('no members of another name', async () =>
    (await answerers(gateway, 1)).has('upstream/unavailable'),
  );
});
