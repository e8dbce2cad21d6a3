/** Upstreams that stop in the middle of an answer, or never begin one. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { framed, rawRequest, statusesIn } from '../harness/route-kinds.ts';

let gateway: TestGateway;
let simulator: Simulator;
before(async () => {
  simulator = await startSimulator({ port: 0 });
  const { providers, routes } = standardConfig(simulator.url) as {
    providers: Record<string, object>;
    routes: { name: string; to: object }[];
  };
  const timeouts = { header: '300ms', idle: '300ms' };
  const config = {
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, provider]) => [name, { ...provider, timeouts }]),
    ),
    routes: routes.map((route) =>
      route.name === 'llm' ? route : { ...route, to: { ...route.to, timeouts } },
    ),
  };
  gateway = await startTestGateway({ simulator, config });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

const call = (model: string, script: object, stream: boolean) =>
  JSON.stringify({
    model,
    stream,
    max_tokens: 50,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
  });

/** Sends it, and gives the answer with what is on the books about it. */
async function askRaw(request: string) {
  const { text, closed } = await sendRaw(gateway.port, request, 3000);
  const receipt = await receiptOf(gateway, /x-sluice-exchange: (\w+)/i.exec(text)![1]!);
  return { text, closed, statuses: statusesIn(text), receipt };
}

describe('security 51: an upstream that stalls', () => {
  for (const model of ['o/gpt-sim', 'a/claude-sim']) {
    test(`within a stream: the client is told in its own words, and the stream ends (llm, ${model})`, async () => {
      const body = call(model, { tokens: 9, stallAt: 3 }, true);
      const { text, closed, receipt } = await askRaw(rawRequest('llm', { body }));
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.match(text, /data: \{"error":/);
      assert.ok(closed);
      assert.equal(receipt.outcome, 'timeout');
      assert.equal(receipt.attempts.length, 1);
    });

    for (const [where, stallAt] of [
      ['before its head', 0],
      ['after its head', 'headers'],
      ['within its body', 3],
    ] as const)
      test(`${where}: no part of an answer is shown, and the status says whose fault it is (llm, ${model})`, async () => {
        const body = call(model, { tokens: 9, stallAt }, false);
        const { statuses, text, receipt } = await askRaw(rawRequest('llm', { body }));
        assert.deepEqual(statuses, ['504'], text);
        assert.equal(receipt.outcome, 'timeout');
      });
  }

  test('before its head: 504 (http)', async () => {
    const fields = framed('http', 'X-Simulate: {"stallAt":0}');
    const { statuses, receipt } = await askRaw(rawRequest('http', { fields }));
    assert.deepEqual(statuses, ['504']);
    assert.equal(receipt.outcome, 'timeout');
  });

  for (const stallAt of ['headers', 3])
    test(`at ${stallAt}: what came is cut, so that nobody takes it for the whole (http)`, async () => {
      const fields = framed('http', `X-Simulate: ${JSON.stringify({ stallAt })}`);
      const { text, statuses, closed, receipt } = await askRaw(rawRequest('http', { fields }));
      assert.deepEqual(statuses, ['200']);
      assert.ok(closed);
      const [head, body] = text.split('\r\n\r\n') as [string, string];
      const length = /^content-length: (\d+)/im.exec(head)?.[1];
      if (length === undefined) assert.ok(!body.endsWith('0\r\n\r\n'));
      else assert.ok(body.length < Number(length));
      assert.equal(receipt.outcome, 'timeout');
    });
});
