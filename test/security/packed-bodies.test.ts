/** Bodies that are larger than they look: of requests, and of providers' answers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

/** What is broken would wait for ever. */
const limits = { timeout: 30_000 };

const limitBytes = 64 * 1024;
const pack = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;

let gateway: TestGateway;
let liar: RawUpstream;
/** `whole`: it ends, in time and in form. */
let lie: { head: string; body: Buffer; whole?: boolean };
let lied: Socket;
before(async () => {
  liar = await startRawUpstream((socket) => {
    lied = socket;
    socket.write(`HTTP/1.1 200 OK\r\n${lie.head}\r\ntransfer-encoding: chunked\r\n\r\n`);
    socket.write(`${lie.body.length.toString(16)}\r\n`);
    socket.write(lie.body);
    // Otherwise the end never comes: whoever waits for it waits.
    if (lie.whole) socket.write('\r\n0\r\n\r\n');
  });
  gateway = await startTestGateway({
    config: {
      providers: {
        liar: {
          dialect: 'openai-chat',
          baseUrl: `${liar.url}/v1`,
          apiKey: 'sk-upstream',
          prefixes: ['liar-'],
        },
      },
      prices: {},
      routes: [{ name: 'llm', match: { path: '/v1/**' }, bodyLimit: '64KiB', to: { llm: {} } }],
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await liar.close();
});

const wholeAnswer = {
  head: 'content-type: application/json',
  body: Buffer.from('{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[]}'),
  whole: true,
};
const callOf = (stream: boolean, more: object = {}) =>
  JSON.stringify({ model: 'liar-1', stream, messages: [{ role: 'user', content: 'hello' }], ...more });
const post = (body: Buffer | string, encoding?: string) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    body,
    headers: {
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    },
  });
const errorOf = async (answer: Response) =>
  ((await answer.json()) as { error: { message: string } }).error.message;

describe('security 32: packed requests', () => {
  test('gzip, br and zstd are unpacked, and the provider gets the plain call', limits, async () => {
    for (const encoding of ['gzip', 'br', 'zstd', 'GZip', 'x-gzip', 'identity'] as const) {
      const plain = callOf(false);
      const packer = pack[encoding.toLowerCase().replace('x-', '') as keyof typeof pack] as
        ((body: string) => Buffer) | undefined;
      const body = packer ? packer(plain) : plain;
      const seen = liar.requests.length;
      lie = wholeAnswer;
      const answer = await post(body, encoding);
      assert.equal(answer.status, 200, `${encoding}: ${await answer.clone().text()}`);
      assert.equal((JSON.parse(liar.requests[seen]!.body) as { model: string }).model, 'liar-1');
      assert.doesNotMatch(liar.requests[seen]!.head, /content-encoding/i);
      const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
      assert.equal((receipt as unknown as { requestBytes: number }).requestBytes, Buffer.byteLength(body));
    }
  });

  for (const encoding of ['gzip', 'br', 'zstd'] as const) {
    test(`${encoding}: a bomb is 413, and a byte decides`, limits, async () => {
      const before = liar.requests.length;
      const padded = (bytes: number) => {
        const bare = callOf(false, { user: '' }).length;
        return callOf(false, { user: 'x'.repeat(bytes - bare) });
      };
      const bomb = pack[encoding](Buffer.alloc(40_000_000, ' '));
      // What is not even taken packed need not be unpacked.
      if (bomb.length < limitBytes) assert.equal((await post(bomb, encoding)).status, 413);
      const refused = await post(pack[encoding](padded(limitBytes + 1)), encoding);
      assert.equal(refused.status, 413);
      assert.match(await errorOf(refused), /Unpacked, the body is larger than the 65536 bytes/);
      assert.equal(liar.requests.length, before, 'nothing of it went on');
      lie = wholeAnswer;
      assert.equal((await post(pack[encoding](padded(limitBytes)), encoding)).status, 200);
    });

    test(`${encoding}: what is cut off, damaged, or has something behind it is 400`, limits, async () => {
      const whole = pack[encoding](callOf(false));
      const damaged = Buffer.from(whole);
      damaged.fill(0xff, 4, 12);
      for (const body of [
        whole.subarray(0, -3),
        damaged,
        Buffer.concat([whole, Buffer.from('{"model":"other"}')]),
        Buffer.from(callOf(false)),
        Buffer.alloc(0),
      ]) {
        const answer = await post(body, encoding);
        assert.equal(answer.status, 400, body.toString('latin1').slice(0, 40));
        assert.match(await errorOf(answer), /is not valid/);
      }
    });
  }

  test('a coding upon a coding, or an unknown one, is 415, and says what is taken', limits, async () => {
    const twice = gzipSync(gzipSync(callOf(false)));
    for (const encoding of [
      'gzip, gzip',
      'gzip,br',
      'identity, gzip',
      'deflate',
      'aws-chunked',
      '__proto__',
      'toString',
    ]) {
      const answer = await post(twice, encoding);
      assert.equal(answer.status, 415, encoding);
      assert.equal(answer.headers.get('accept-encoding'), 'gzip, br, zstd');
      assert.match(await errorOf(answer), /Send it in one of gzip, br and zstd/);
    }
  });
});

describe('security 32: packed answers of providers', () => {
  const event = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'again and ' }, finish_reason: null }] })}\n\n`;

  for (const encoding of ['gzip', 'br', 'zstd'] as const) {
    test(
      `${encoding}: a stream that unpacks without end is ended, with an error in the client's words`,
      limits,
      async () => {
        const body = pack[encoding](event.repeat(400_000));
        lie = { head: `content-type: text/event-stream\r\ncontent-encoding: ${encoding}`, body };
        const answer = await post(callOf(true));
        const text = await answer.text();
        // A hundred for one, beyond the first 4 MiB.
        assert.ok(text.length < Math.max(5_000_000, body.length * 100), String(text.length));
        assert.ok(text.length < (event.length * 400_000) / 2);
        assert.match(text.slice(-400), /data: \{"error":/);
        if (!lied.destroyed) await once(lied, 'close');
        const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
        assert.equal(receipt.fault, 'upstream/malformed-answer');
      },
    );

    test(`${encoding}: a whole answer that does is 502`, limits, async () => {
      const body = pack[encoding](Buffer.alloc(60_000_000, ' '));
      lie = { head: `content-type: application/json\r\ncontent-encoding: ${encoding}`, body };
      const answer = await post(callOf(false));
      assert.equal(answer.status, 502);
      assert.match(await errorOf(answer), /grew to more than \d+ bytes/);
      if (!lied.destroyed) await once(lied, 'close');
    });
  }

  test('an encoding that nobody knows is 502 at once, although the answer has no end', limits, async () => {
    lie = { head: 'content-type: application/json\r\ncontent-encoding: gzip, gzip', body: Buffer.from('x') };
    const answer = await post(callOf(false));
    assert.equal(answer.status, 502);
    assert.match(await errorOf(answer), /encoded as "gzip, gzip"/);
    if (!lied.destroyed) await once(lied, 'close');
  });
});
