import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      policies: [
        { 'ip-restriction': { deny: ['203.0.113.0/24'] } },
        { cors: { origins: ['https://app.test'], credentials: true } },
        { 'key-auth': {} },
        { 'rate-limit': { by: 'project', requests: '2/h' } },
      ],
      listen: { port: 0, trustedProxies: ['127.0.0.1'] },
    },
  });
});
after(() => gateway.stop());

const origin = { origin: 'https://app.test' };
const wanted = { 'access-control-request-method': 'POST' };
const ask = async (method: string, headers: Record<string, string>) => {
  const answer = await fetch(`${gateway.url}/api/echo/x`, { method, headers });
  await answer.text();
  return answer;
};
const asCaller = { authorization: `Bearer ${testKey}` };

describe('security 29: CORS', () => {
  test('a preflight reaches nobody, and what only looks like one is a call like others', async () => {
    const before = gateway.simulator.calls().length;
    const preflight = await ask('OPTIONS', { ...origin, ...wanted });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://app.test');
    for (const [method, headers] of [
      ['OPTIONS', origin],
      ['OPTIONS', wanted],
      ['GET', { ...origin, ...wanted }],
      ['POST', { ...origin, ...wanted }],
    ] as [string, Record<string, string>][])
      assert.equal((await ask(method, headers)).status, 401, `${method} ${JSON.stringify(headers)}`);
    assert.equal(gateway.simulator.calls().length, before);
  });

  test('limits hold for the calls that follow, and what stands before it for preflights, too', async () => {
    const statuses = [];
    for (const method of ['GET', 'OPTIONS', 'POST'])
      statuses.push((await ask(method, { ...origin, ...asCaller })).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    const afterwards = await ask('POST', { ...origin, ...wanted, ...asCaller });
    assert.equal(afterwards.status, 429);
    assert.equal(afterwards.headers.get('access-control-allow-origin'), 'https://app.test');
    const denied = { ...origin, ...wanted, 'x-forwarded-for': '203.0.113.9' };
    assert.equal((await ask('OPTIONS', denied)).status, 403);
  });

  test('an opaque origin, and one that only begins or ends alike, are granted nothing', async () => {
    for (const other of [
      'null',
      'https://app.test.evil.test',
      'https://evilapp.test',
      'http://app.test',
      'https://app.test:8443',
      '*',
    ]) {
      const preflight = await ask('OPTIONS', { origin: other, ...wanted });
      const names = [...preflight.headers.keys()].filter((name) => name.startsWith('access-control-'));
      assert.deepEqual([preflight.status, names], [204, []], other);
    }
  });

  test('every origin, with credentials, is no configuration', async () => {
    const policies = [{ cors: { origins: ['*'], credentials: true } }];
    await assert.rejects(
      startTestGateway({ simulator: gateway.simulator, config: { policies } }),
      /"\*" lets every page in/,
    );
  });
});
