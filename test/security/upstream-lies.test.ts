/** What an upstream sends is no more trusted than what a client sends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';

/** What the upstream answers to any request. */
let lie = '';
let upstream: Server;
let gateway: TestGateway;
const sockets = new Set<Socket>();

before(async () => {
  upstream = createServer((socket) => {
    sockets.add(socket);
    let heard = '';
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      // Requests of these tests end with their head, or with a JSON object.
      if (!heard.endsWith('\r\n\r\n') && !heard.endsWith('}')) return;
      heard = '';
      socket.write(Buffer.from(lie, 'latin1'));
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const document = standardConfig(url);
  const timeouts = { header: '500ms', idle: '500ms' };
  gateway = await startTestGateway({
    config: {
      providers: { o: { dialect: 'openai-chat', baseUrl: `${url}/v1`, apiKey: 'sk-upstream', timeouts } },
      prices: {},
      routes: (document['routes'] as { name: string }[]).map((route) =>
        route.name === 'llm' ? route : { ...route, to: { http: url, timeouts } },
      ),
    },
  });
});
after(async () => {
  await gateway.stop();
  for (const socket of sockets) socket.destroy();
  upstream.close();
});

const body = JSON.stringify({ model: 'o/m', messages: [{ role: 'user', content: 'x' }] });
const requests = {
  http: 'GET /open/x HTTP/1.1\r\nHost: a\r\n\r\n',
  llm:
    `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${testKey}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
};
const next = 'GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

/** Answers that cannot be taken for anything, before a byte of them may be shown. */
const refused: Record<string, string> = {
  'a length and a transfer coding': `${ok}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  'two different lengths': `${ok}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`,
  'an unknown transfer coding': `${ok}transfer-encoding: gzip\r\n\r\n{}`,
  '204 with a body': 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n{}',
  'a flood of interim answers': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000),
  'a header block of a megabyte': `${ok}x: ${'y'.repeat(1_000_000)}\r\n\r\n`,
  'a folded header': `${ok}x: y\r\n z\r\ncontent-length: 2\r\n\r\n{}`,
  'something that is not HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
};

describe('security 10: an upstream that lies is a 502, and the client stays in step', () => {
  for (const [what, answer] of Object.entries(refused))
    for (const [kind, request] of Object.entries(requests)) {
      test(`${what} (${kind})`, async () => {
        lie = answer;
        const { text } = await sendRaw(gateway.port, request + next, 1000);
        assert.deepEqual(text.match(/HTTP\/1\.1 [2-5]\d\d/g), ['HTTP/1.1 502', 'HTTP/1.1 404'], text);
      });
    }

  test('a body shorter than its length is cut, not padded, and the connection ends with it (http)', async () => {
    lie = `${ok}content-length: 20\r\n\r\n{"a":1}`;
    const { text, closed } = await sendRaw(gateway.port, requests.http + next, 2000);
    assert.ok(text.includes('content-length: 20'));
    assert.ok(closed);
    assert.equal(text.match(/HTTP\/1\.1 [2-5]\d\d/g)?.length, 1);
  });

  test('a body shorter than its length is no answer (llm)', async () => {
    lie = `${ok}content-length: 20\r\n\r\n{"a":1}`;
    const { text } = await sendRaw(gateway.port, requests.llm + next, 2000);
    assert.match(text, /^HTTP\/1\.1 50[24] /);
    assert.ok(text.includes('HTTP/1.1 404'));
  });

  for (const [kind, request] of Object.entries(requests)) {
    test(`bytes after the end of an answer reach nobody, and their connection is not used again (${kind})`, async () => {
      lie = `${ok}content-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`;
      for (let i = 0; i < 3; i++) {
        const { text, closed } = await sendRaw(gateway.port, request + next, 1000);
        assert.ok(!text.includes('poison'), text);
        assert.ok(closed);
        // What was begun is cut; what was not is refused, and the next request then answered in its turn.
        const statuses = text.match(/HTTP\/1\.1 [2-5]\d\d/g)?.map((line) => line.slice(-3));
        assert.deepEqual(statuses, kind === 'http' ? ['200'] : ['502', '404']);
      }
    });
  }
});

describe('security 51: a stream that its upstream leaves unfinished', () => {
  const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
  const event = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'begun' }, finish_reason: null }] })}\n\n`;
  const streamed = (request: string) =>
    request
      .replace(body, `{"stream":true,${body.slice(1)}`)
      .replace(/content-length: (\d+)/i, (_, length) => `content-length: ${Number(length) + 14}`);
  const unfinished = {
    'that stalls': head + chunk(event),
    'that stalls within a chunk': head + chunk(event) + chunk(event).slice(0, -9),
    'whose next chunk has no size': `${head}${chunk(event)}zz\r\n`,
    'whose trailer is folded': `${head}${chunk(event)}0\r\nx: y\r\n z\r\n\r\n`,
  };
  for (const [what, answer] of Object.entries(unfinished)) {
    test(`${what}: the answer is cut, so that nobody takes it for the whole (http)`, async () => {
      lie = answer;
      const { text, closed } = await sendRaw(gateway.port, requests.http + next, 2000);
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.ok(closed);
      assert.doesNotMatch(text, /\r\n0\r\n/);
      assert.equal(text.match(/HTTP\/1\.1 [2-5]\d\d/g)?.length, 1);
    });
    test(`${what}: the client is told in its own words, and the stream ends (llm)`, async () => {
      lie = answer;
      const { text } = await sendRaw(gateway.port, streamed(requests.llm) + next, 2000);
      // What breaks in the read that begins it was never begun.
      if (what.includes('stalls')) assert.match(text, /begun/);
      assert.match(text, text.includes('begun') ? /data: \{"error":/ : /^HTTP\/1\.1 502 /);
      assert.doesNotMatch(text, /\[DONE\]/);
      assert.match(text, /HTTP\/1\.1 404/, 'the connection is still in step');
    });
  }
});
