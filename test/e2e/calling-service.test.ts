import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { adminToken, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { okAnswer, startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';

let postgres: TestPostgres;
let upstream: RawUpstream;
const gateways: TestGateway[] = [];

/** Two nodes of one ledger; the second lets the header through. */
before(async () => {
  postgres = await startPostgres();
  upstream = await startRawUpstream((socket) => void socket.write(okAnswer('ok')));
  const url = await postgres.createDatabase();
  for (const service of [{}, { header: 'X-Caller', forward: true }]) {
    const config = {
      storage: { postgres: { url } },
      service,
      routes: [
        { name: 'api', match: { path: '/api/**' }, to: { http: upstream.url } },
        { name: 'open', match: { path: '/open/**' }, to: { http: upstream.url }, policies: [] },
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
      ],
    };
    gateways.push(await startTestGateway({ config }));
  }
});
after(async () => {
  for (const gateway of gateways) await gateway.stop();
  await upstream.close();
  await postgres.stop();
});

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const headers = {
  authorization: `Bearer ${testKey}`,
  'content-type': 'application/json',
  traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
};

async function usageOf(gateway: TestGateway, query: string): Promise<Record<string, unknown>[]> {
  const answer = await gateway.admin(`/v1/usage?${query}`);
  assert.equal(answer.status, 200, await answer.clone().text());
  return ((await answer.json()) as { usage: Record<string, unknown>[] }).usage;
}

test('usage of many nodes is summed by the service that calls, and by trace', async () => {
  const [one, two] = gateways as [TestGateway, TestGateway];
  const body = JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] });
  const chat = (gateway: TestGateway, service: Record<string, string>) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...headers, ...service },
      body,
    });
  for (const name of ['checkout', 'checkout', 'search'])
    assert.equal((await chat(one, { 'x-sluice-service': name })).status, 200);
  assert.equal((await chat(two, { 'x-caller': 'checkout' })).status, 200);
  const rest = (gateway: TestGateway, path: string, more: Record<string, string>) =>
    fetch(`${gateway.url}${path}`, { headers: { ...headers, ...more } }).then((answer) => answer.text());
  await rest(one, '/api/x', { 'x-sluice-service': 'checkout' });
  await rest(two, '/api/x', { 'x-caller': 'checkout' });
  // Of nobody known, and what is no name: neither counts.
  await rest(one, '/open/x', { 'x-sluice-service': 'stranger' });
  await rest(one, '/api/x', { 'x-sluice-service': 'no name at all' });
  const seen = upstream.requests.map(({ head }) =>
    /^x-(?:sluice-service|caller): (.*)$/im.exec(head)?.[1]?.trim(),
  );
  assert.deepEqual(seen, [undefined, 'checkout', undefined, undefined]);

  let rows: Record<string, unknown>[] = [];
  for (const until = Date.now() + 30_000; Date.now() < until;) {
    rows = await usageOf(one, 'by=service');
    if (rows.reduce((sum, row) => sum + Number(row['requests']), 0) === 6) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(
    rows.map((row) => [row['service'], row['requests']]),
    [
      ['checkout', 5],
      ['search', 1],
    ],
  );
  assert.deepEqual(await usageOf(two, 'by=service'), rows);
  const [all] = await usageOf(two, `by=project&trace=${traceId}`);
  assert.equal(all!['requests'], 7);
  const words = ['usage', '--by', 'service', '--service', 'search', '--trace', traceId, '--json'];
  const { out, err } = await spawnSluice([...words, '--admin', two.adminUrl], {
    cwd: two.stateDirectory,
    env: { SLUICE_ADMIN_TOKEN: adminToken },
  });
  const told = JSON.parse(out || err) as { service: string; requests: number }[];
  assert.deepEqual(
    told.map(({ service, requests }) => [service, requests]),
    [['search', 1]],
  );
  assert.equal((await two.admin('/v1/usage?by=service,key')).status, 400);
  const proof = (await (await two.admin('/v1/ledger/verify')).json()) as {
    clean: boolean;
    findings: unknown;
  };
  assert.deepEqual([proof.clean, proof.findings], [true, []]);
});
