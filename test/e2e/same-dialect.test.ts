import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { startTestGateway, testKey } from '../harness/gateway.ts';

/** Written as no serialiser of ours would: order, spaces, escapes and fields are a client's and a provider's own. */
const request = (model: string, more = '') =>
  `{ "x_vendor" : {"b":1e2, "a":[ ]},\n "messages":[{"role":"user","content":"caf\\u00e9 ☕"}], "model": "${model}"${more} ,"temperature":0.50 }`;
const answer =
  '{ "id":"x", "choices" : [{"index":0,"message":{"role":"assistant","content":"\\u0041 ☕"},"finish_reason":"stop"}],\n "x_own":[1 , 2], "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n';
const stream = [
  ': a comment\n\n',
  'data:{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"A"}, "x":1 }]}\n\n',
  'event: own\ndata: {"choices":[{"index":0,"delta":{"content":" \\u2615"},"finish_reason":"stop"}]}\r\n\r\n',
  'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n',
  'data: [DONE]\n\n',
].join('');

/** A provider that keeps what it got and sends what it is told, byte for byte. */
async function provider(t: TestContext, type: string, body: string) {
  const got: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      got.push(Buffer.concat(chunks).toString());
      outgoing.writeHead(200, { 'content-type': type, 'x-own': 'kept' }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const gateway = await startTestGateway({
    config: {
      providers: { o: { dialect: 'openai-chat', baseUrl, apiKey: 'sk-upstream', prefixes: ['gpt-'] } },
      prices: {},
    },
  });
  t.after(async () => {
    await gateway.stop();
    server.close();
  });
  const call = (sent: string) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      body: sent,
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    });
  return { got, call };
}

test('a whole answer: not a byte differs but in the name of the model', async (t) => {
  const { got, call } = await provider(t, 'application/json', answer);
  for (const [sent, received] of [
    ['gpt-x', 'gpt-x'],
    ['o/gpt-x', 'gpt-x'],
  ] as const) {
    const response = await call(request(sent));
    assert.equal(await response.text(), answer);
    assert.equal(response.headers.get('x-own'), 'kept');
    assert.equal(response.headers.get('x-sluice-dropped'), null);
    assert.equal(got.at(-1), request(received));
  }
});

test('a stream: not a byte differs when the client asks for usage itself', async (t) => {
  const { got, call } = await provider(t, 'text/event-stream', stream);
  const asking = ', "stream":true, "stream_options" : { "include_usage":true }';
  const response = await call(request('gpt-x', asking));
  assert.equal(await response.text(), stream);
  assert.equal(got.at(-1), request('gpt-x', asking));
});

test('a stream: usage that only the gateway asked for is kept from the client, and nothing else', async (t) => {
  const { got, call } = await provider(t, 'text/event-stream', stream);
  const response = await call(request('gpt-x', ', "stream":true'));
  assert.equal(await response.text(), stream.replace(/data: \{"choices":\[\],"usage".*\n\n/, ''));
  const { stream_options: options, ...others } = JSON.parse(got.at(-1)!) as Record<string, unknown>;
  assert.deepEqual(options, { include_usage: true });
  assert.deepEqual(others, JSON.parse(request('gpt-x', ', "stream":true')));
});
