/** The service that calls, by what its credential says of it: policies that authenticate set claims before anything is on record. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Policy } from '#core/contracts/policy.ts';
import { headerOf } from '#core/head.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { okAnswer, startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';

const caller = { id: 'k', name: 'k', groups: [], models: null };

/** Believes what a header says of the caller, after a turn as one takes that asks somebody. */
const policy: Policy = {
  name: 'test-claims',
  summary: 'claims of the test',
  async onHead(exchange) {
    await Promise.resolve();
    const said = headerOf(exchange.head.headers, 'x-test-claims');
    if (said === undefined) return;
    exchange.claims = JSON.parse(said) as Record<string, string>;
    exchange.consumer = { ...caller, project: 'web', team: 'red' };
  },
};

let upstream: RawUpstream;
const gateways: InProcessGateway[] = [];
before(async () => {
  upstream = await startRawUpstream((socket) => void socket.write(okAnswer('ok')));
  const document = {
    log: { access: false },
    policies: [],
    routes: [{ name: 'api', match: { path: '/**' }, to: { http: upstream.url } }],
  };
  for (const service of [{ claim: 'azp' }, { claim: 'azp', header: 'x-caller' }])
    gateways.push(await startInProcess({ ...document, service }, policy));
});
after(async () => {
  for (const gateway of gateways) await gateway.stop();
  await upstream.close();
});

async function serviceOf(gateway: number, headers: Record<string, string>): Promise<string | undefined> {
  const { url, receiptOf } = gateways[gateway]!;
  const answer = await fetch(`${url}/x`, { headers });
  assert.equal(answer.status, 200, await answer.text());
  return (await receiptOf(answer.headers.get('x-sluice-exchange')!)).subjects.service;
}

const claiming = (claims: object) => ({ 'x-test-claims': JSON.stringify(claims) });

test('what a credential says of its service is on the receipt', async () => {
  assert.equal(await serviceOf(0, claiming({ azp: 'checkout' })), 'checkout');
  for (const claims of [{}, { azp: '' }, { azp: 'no name at all' }, { other: 'checkout' }])
    assert.equal(await serviceOf(0, claiming(claims)), undefined, JSON.stringify(claims));
  // Nobody knows who calls.
  assert.equal(await serviceOf(0, {}), undefined);
});

test('a caller’s own word counts only where it is asked for, and after its credential', async () => {
  const said = { 'x-caller': 'search', 'x-sluice-service': 'search' };
  assert.equal(await serviceOf(0, { ...claiming({}), ...said }), undefined);
  assert.equal(await serviceOf(1, { ...claiming({}), ...said }), 'search');
  assert.equal(await serviceOf(1, { ...claiming({ azp: 'checkout' }), ...said }), 'checkout');
});
