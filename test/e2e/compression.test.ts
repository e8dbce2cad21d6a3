import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { receiptOf } from '../harness/receipts.ts';

/** What is broken would wait for ever. */
const limits = { timeout: 30_000 };

const run = promisify(execFile);
const decode = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
const document = JSON.stringify(Array.from({ length: 5000 }, (_, id) => ({ id, name: `item ${id}` })));

let behave: (request: IncomingMessage, response: ServerResponse) => void;
const json = (_: IncomingMessage, response: ServerResponse) => {
  response.setHeader('content-type', 'application/json').setHeader('etag', '"v1"').end(document);
};
const upstream = createServer((request, response) => behave(request, response));
let gateway: TestGateway;
before(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const http = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  gateway = await startTestGateway({
    config: {
      routes: [
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
        { name: 'shop', match: { path: '/**' }, to: { http }, policies: [{ compression: {} }] },
      ],
      policies: [{ 'key-auth': {} }, { compression: { minBytes: 100 } }],
    },
  });
});
after(async () => {
  upstream.closeAllConnections();
  await gateway.stop();
  upstream.close();
});

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Without any decoding. */
function plainGet(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    get(`${gateway.url}${path}`, { headers, method }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    }).on('error', reject);
  });
}

describe('http routes', () => {
  for (const encoding of ['gzip', 'br', 'zstd'] as const) {
    test(`${encoding}: the same document, smaller, and as many bytes on the receipt`, limits, async () => {
      behave = json;
      const got = await plainGet('/items', { 'accept-encoding': encoding });
      assert.equal(got.headers['content-encoding'], encoding);
      assert.equal(got.headers['content-length'], undefined);
      assert.equal(got.headers.etag, 'W/"v1"');
      assert.equal(got.headers.vary, 'Accept-Encoding');
      assert.ok(got.body.length < document.length / 4);
      assert.equal(decode[encoding](got.body).toString(), document);
      const receipt = await receiptOf(gateway, String(got.headers['x-sluice-exchange']));
      assert.equal((receipt as unknown as { responseBytes: number }).responseBytes, got.body.length);
    });
  }

  test('curl --compressed, over HTTP/1.1, HTTP/1.0 and HTTP/2, and fetch', limits, async () => {
    behave = json;
    for (const version of ['--http1.1', '--http1.0', '--http2-prior-knowledge']) {
      const { stdout } = await run('curl', ['-sS', version, '--compressed', `${gateway.url}/items`]);
      assert.equal(stdout, document, version);
    }
    const answer = await fetch(`${gateway.url}/items`);
    assert.equal(await answer.text(), document);
    assert.ok(answer.headers.has('content-encoding'));
  });

  test('who does not ask gets the bytes as they are, with their length and their tag', limits, async () => {
    behave = json;
    const got = await plainGet('/items');
    assert.equal(got.body.toString(), document);
    assert.deepEqual(
      [got.headers['content-encoding'], got.headers['content-length'], got.headers.etag, got.headers.vary],
      [undefined, String(document.length), '"v1"', 'Accept-Encoding'],
    );
    const receipt = await receiptOf(gateway, String(got.headers['x-sluice-exchange']));
    assert.equal((receipt as unknown as { responseBytes: number }).responseBytes, document.length);
  });

  test('what a slow upstream has sent is not held back', limits, async () => {
    let answer: ServerResponse | null = null;
    behave = (_request, response) => {
      answer = response;
      response.setHeader('content-type', 'text/plain').write('first;');
    };
    for (const encoding of ['gzip', 'br', 'zstd']) {
      const response = await fetch(`${gateway.url}/slow`, { headers: { 'accept-encoding': encoding } });
      assert.equal(response.headers.get('content-encoding'), encoding);
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      // Each waits until the one before has arrived.
      let text = '';
      for (const part of ['first;', 'second;', 'third;']) {
        if (part !== 'first;') answer!.write(part);
        while (!text.endsWith(part)) text += (await reader.read()).value!;
      }
      answer!.end('last');
      for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
      assert.equal(text, 'first;second;third;last');
    }
  });

  test(
    'a client that goes ends the upstream; an upstream that breaks off cuts the answer',
    limits,
    async () => {
      const closed = Promise.withResolvers<void>();
      behave = (_request, response) => {
        response.setHeader('content-type', 'text/plain').write('x'.repeat(100_000));
        response.on('close', () => closed.resolve());
      };
      const abort = new AbortController();
      const answer = await fetch(`${gateway.url}/left`, { signal: abort.signal });
      await answer.body!.getReader().read();
      abort.abort();
      await closed.promise;

      behave = (_request, response) => {
        response.setHeader('content-type', 'text/plain').write('x'.repeat(100_000), () => {
          setImmediate(() => response.destroy());
        });
      };
      const broken = await sendRaw(
        gateway.port,
        'GET /broken HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n',
      );
      assert.match(broken.text, /content-encoding: gzip/);
      assert.ok(broken.closed && !broken.text.endsWith('0\r\n\r\n'), 'it must not look whole');
    },
  );

  test('events, encoded answers, ranges and HEAD are left alone', limits, async () => {
    const typed = (type: string, more: Record<string, string> = {}) => {
      behave = (_request, response) =>
        response.writeHead(200, { 'content-type': type, ...more }).end(document);
    };
    const asked = { 'accept-encoding': 'gzip' };
    typed('text/event-stream');
    assert.equal((await plainGet('/a', asked)).headers['content-encoding'], undefined);
    typed('text/plain');
    assert.equal(
      (await plainGet('/a', { ...asked, range: 'bytes=0-9' })).headers['content-encoding'],
      undefined,
    );
    assert.equal((await plainGet('/a', asked, 'HEAD')).headers['content-encoding'], undefined);
    const packed = gzipSync(document);
    behave = (_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(packed);
    const got = await plainGet('/a', { 'accept-encoding': 'br, gzip' });
    assert.equal(got.headers['content-encoding'], 'gzip');
    assert.ok(got.body.equals(packed));
  });

  test('encoded requests pass through as they are', limits, async () => {
    const packed = gzipSync(document);
    const seen = Promise.withResolvers<[string | undefined, Buffer]>();
    behave = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen.resolve([request.headers['content-encoding'], Buffer.concat(chunks)]);
        response.end();
      });
    };
    await fetch(`${gateway.url}/in`, {
      method: 'POST',
      body: packed,
      headers: { 'content-encoding': 'gzip' },
    });
    const [encoding, body] = await seen.promise;
    assert.equal(encoding, 'gzip');
    assert.ok(body.equals(packed));
  });
});

describe('llm routes', () => {
  const ask = (stream: boolean, encoding: string) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${testKey}`,
        'content-type': 'application/json',
        'accept-encoding': encoding,
      },
      body: JSON.stringify({
        model: 'gpt-4o',
        stream,
        messages: [{ role: 'user', content: 'simulate:{"tokens":200}' }],
      }),
    });

  for (const encoding of ['gzip', 'br', 'zstd']) {
    test(`${encoding}: whole answers are compressed, streams never`, limits, async () => {
      const whole = await ask(false, encoding);
      assert.equal(whole.headers.get('content-encoding'), encoding);
      const length = Number(whole.headers.get('content-length'));
      const body = (await whole.json()) as { choices: unknown[]; usage: { completion_tokens: number } };
      assert.equal(body.choices.length, 1);
      const receipt = await receiptOf(gateway, whole.headers.get('x-sluice-exchange')!);
      assert.ok(length > 0);
      assert.equal((receipt as unknown as { responseBytes: number }).responseBytes, length);
      const stream = await ask(true, encoding);
      assert.equal(stream.headers.get('content-encoding'), null);
      assert.match(await stream.text(), /data: \[DONE\]\n\n$/);
    });
  }

  test('a refusal is compressed like any answer', limits, async () => {
    const { stdout } = await run('curl', ['-sS', '-i', '--compressed', `${gateway.url}/v1/models`]);
    assert.match(stdout, /^HTTP\/1\.1 401/);
    assert.match(stdout, /content-encoding: /);
    assert.match(stdout, /"error"/);
  });
});
