import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({ config: { listen: { port: 0, trustedProxies: ['127.0.0.1'] } } });
});
after(() => gateway.stop());

const chat = JSON.stringify({
  model: 'o/gpt-sim',
  messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }],
});
const claims = [
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Host: shop.test',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Anything: else',
  'Forwarded: for=8.8.8.8',
];

/** Sends one call, and says what the upstream was told. */
async function toldBy(path: string) {
  const before = gateway.simulator.calls().length;
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    `Authorization: Bearer ${testKey}`,
    `Content-Length: ${chat.length}`,
    'Connection: close',
    ...claims,
  ];
  const { status } = await sendRaw(gateway.port, `${lines.join('\r\n')}\r\n\r\n${chat}`);
  assert.equal(status, 200);
  const calls = gateway.simulator.calls().slice(before);
  assert.equal(calls.length, 1);
  return calls[0]!.requestHeaders!;
}

describe('security 17: what a trusted proxy says of its client is believed, and no more than that', () => {
  test('its three forwarding fields are passed on, with itself added (http)', async () => {
    const told = await toldBy('/api/echo/proxied');
    assert.equal(told['x-forwarded-for'], '6.6.6.6, 127.0.0.1');
    assert.equal(told['x-forwarded-host'], 'shop.test');
    assert.equal(told['x-forwarded-proto'], 'https');
    assert.equal(told['x-forwarded-anything'], undefined);
    assert.equal(told['forwarded'], undefined);
  });
  test('a provider is told nothing of it (llm)', async () => {
    const told = JSON.stringify(await toldBy('/v1/chat/completions'));
    for (const claim of ['6.6.6.6', '8.8.8.8', 'shop.test', 'forwarded'])
      assert.ok(!told.includes(claim), claim);
  });
});
