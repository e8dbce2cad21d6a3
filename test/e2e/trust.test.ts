import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCertificates } from '../../src/transport/testing/certificates.ts';
import { startSimulator } from '../../simulator/server.ts';
import { startTestGateway, standardConfig, testKey } from '../harness/gateway.ts';

test('a reload that changes whom a provider trusts holds for the very next call, kept-alive or resumed', async (t) => {
  const { ca, good, selfSigned } = makeCertificates();
  const simulator = await startSimulator({ port: 0, tls: good });
  const trusting = (authority: string) => ({
    providers: {
      o: {
        dialect: 'openai-chat',
        baseUrl: `${simulator.url}/v1`,
        apiKey: 'sk-upstream',
        tls: { ca: authority },
      },
    },
    prices: {},
    routes: [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }],
  });
  const gateway = await startTestGateway({ simulator, config: trusting(ca) });
  t.after(async () => {
    await gateway.stop();
    await simulator.close();
  });
  const call = async () => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] }),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const reload = async (authority: string, version: number) => {
    gateway.rewrite({ ...standardConfig(simulator.url), ...trusting(authority) });
    for (
      const until = Date.now() + 10_000;
      Date.now() < until;
      await new Promise((resolve) => setTimeout(resolve, 10))
    ) {
      // The connection stays in use, as it does under traffic.
      await call();
      const status = (await (await gateway.admin('/v1/status')).json()) as {
        snapshotVersion: number;
        ready: boolean;
      };
      if (status.snapshotVersion === version && status.ready) return;
    }
    assert.fail('the change did not come into force');
  };
  assert.equal((await call()).status, 200);
  await reload(selfSigned.cert, 2);
  const refused = await call();
  assert.equal(refused.status, 502, refused.text);
  assert.match(refused.text, /upstream\/tls/);
  await reload(ca, 3);
  assert.equal((await call()).status, 200);
});
