/** What RFC 6455 asks of both ends, as it concerns whoever stands between them. By raw sockets: no library breaks rules. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import {
  closeFrame,
  frame,
  masked,
  openRaw,
  startRawUpstream,
  switching,
  type Handshake,
  type RawPeer,
  type RawUpstream,
} from '../harness/raw-websocket.ts';
import { receiptOf } from '../harness/receipts.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
const limits = { timeout: 30_000 };

before(async () => {
  upstream = await startRawUpstream();
  const to = { http: upstream.url };
  const route = (name: string, websocket: object) => ({
    name,
    match: { path: `/${name}/**` },
    to: { ...to, websocket },
    policies: [],
  });
  gateway = await startTestGateway({
    config: {
      routes: [
        route('ws', { ping: 0, maxMessage: '1000B' }),
        route('wide', { ping: 0 }),
        route('ping', { ping: '500ms' }),
        route('idle', { ping: 0, idleTimeout: '500ms' }),
        route('few', { ping: 0, controlFrames: 5 }),
        route('strip', { ping: 0, compression: 'strip' }),
        route('pages', { ping: 0, origins: ['https://app.example.com', 'https://*.pages.example.com'] }),
        { name: 'none', match: { path: '/none/**' }, to: { ...to, upgrade: false }, policies: [] },
      ],
    },
  });
});
after(async () => {
  upstream.close();
  await gateway.stop();
});
beforeEach(() => {
  upstream.answer = (accept) => switching(accept);
});

async function open(path = '/ws/x', more: readonly string[] = []): Promise<[RawPeer, RawPeer]> {
  const client = await openRaw(gateway.port, { path, more });
  assert.match(client.head, /^HTTP\/1\.1 101 /);
  return [client, await upstream.accepted()];
}

const statusOf = (peer: RawPeer) => Number(/^HTTP\/1\.1 (\d{3})/.exec(peer.head)?.[1]);
const idOf = (peer: RawPeer) => /^x-sluice-exchange: (.*)\r$/im.exec(peer.head)![1]!;
const deflate = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';

describe('the handshake as the client sends it (§4.1, §4.2.1)', () => {
  const cases: [string, number, Handshake][] = [
    ['another method than GET', 400, { path: '/ws/x', method: 'POST', more: ['Content-Length: 0'] }],
    ['no version', 426, { path: '/ws/x', version: null }],
    ['another version', 426, { path: '/ws/x', version: '8' }],
    ['no key', 400, { path: '/ws/x', key: null }],
    ['a key that is too short', 400, { path: '/ws/x', key: 'c2hvcnQ=' }],
    ['a key that is not base64', 400, { path: '/ws/x', key: 'dGhlIHNhbXBsZSBub25jZ!==' }],
    ['a body', 400, { path: '/ws/x', more: ['Content-Length: 3', '', 'abc'] }],
    ['a route without WebSockets', 400, { path: '/none/x' }],
    ['a page of another origin', 403, { path: '/pages/x', more: ['Origin: https://evil.example.com'] }],
    ['a page of no origin', 403, { path: '/pages/x', more: ['Origin: null'] }],
    [
      'an origin that only ends alike',
      403,
      { path: '/pages/x', more: ['Origin: https://evilpages.example.com'] },
    ],
    ['a page that may', 101, { path: '/pages/x', more: ['Origin: https://App.example.com'] }],
    [
      'a page below a name that may',
      101,
      { path: '/pages/x', more: ['Origin: https://a.pages.example.com'] },
    ],
    ['no page at all', 101, { path: '/pages/x' }],
    ['any page, where nothing is said', 101, { path: '/ws/x', more: ['Origin: https://evil.example.com'] }],
  ];
  for (const [what, status, handshake] of cases)
    test(`${what}: ${status}`, limits, async () => {
      const before = upstream.requests.length;
      const client = await openRaw(gateway.port, handshake);
      assert.equal(statusOf(client), status);
      if (status === 426) assert.match(client.head, /^sec-websocket-version: 13\r$/im);
      if (status === 101) await upstream.accepted();
      else assert.equal(upstream.requests.length, before, 'the upstream has heard of it');
      client.socket.destroy();
    });
});

describe('security 11: the handshake as the upstream answers it (§4.1)', () => {
  const cases: [string, number, (accept: string) => string, string[]?][] = [
    ['an accept value that does not fit', 502, () => switching('s3pPLMBiTxaQ9kYGzzhZRbK+xOp=')],
    ['none', 502, (accept) => switching(accept).replace(/Sec-WebSocket-Accept.*\r\n/, '')],
    [
      'another protocol than websocket',
      502,
      (accept) => switching(accept).replace('Upgrade: websocket', 'Upgrade: h2c'),
    ],
    ['a protocol nobody offered', 502, (accept) => switching(accept, 'Sec-WebSocket-Protocol: chat\r\n')],
    [
      'one that is not among those',
      502,
      (accept) => switching(accept, 'Sec-WebSocket-Protocol: c\r\n'),
      ['Sec-WebSocket-Protocol: a, b'],
    ],
    [
      'one of them',
      101,
      (accept) => switching(accept, 'Sec-WebSocket-Protocol: b\r\n'),
      ['Sec-WebSocket-Protocol: a, b'],
    ],
    [
      'an extension nobody offered',
      502,
      (accept) => switching(accept, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'),
    ],
    [
      'one that was',
      101,
      (accept) => switching(accept, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'),
      [deflate],
    ],
    [
      'a refusal, which passes',
      403,
      () => 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno',
    ],
    [
      'no change of protocol',
      200,
      () => 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
    ],
  ];
  for (const [what, status, answer, more = []] of cases)
    test(`${what}: ${status}`, limits, async () => {
      upstream.answer = answer;
      const client = await openRaw(gateway.port, { path: '/ws/x', more });
      const peer = await upstream.accepted();
      assert.equal(statusOf(client), status);
      if (status === 502) await peer.end();
      if (status !== 101) await client.end();
      client.socket.destroy();
    });

  test(
    'extensions that cannot be followed are not offered on; none at all with compression: strip',
    limits,
    async () => {
      const more = [
        'Sec-WebSocket-Extensions: bbf-usp-protocol, permessage-deflate; server_no_context_takeover',
      ];
      for (const [path, expected] of [
        ['/ws/x', 'permessage-deflate; server_no_context_takeover'],
        ['/strip/x', undefined],
      ] as const) {
        const [client] = await open(path, more);
        const sent = /^sec-websocket-extensions: (.*)\r$/im.exec(upstream.requests.at(-1)!)?.[1];
        assert.equal(sent, expected);
        client.socket.destroy();
      }
    },
  );
});

const long = (bytes: number) => 'x'.repeat(bytes);
const broken: [string, number, (of: typeof frame) => Buffer][] = [
  ['§5.2 RSV1 without an extension', 1002, (of) => of(0xc1, 'a')],
  ['§5.2 RSV2', 1002, (of) => of(0xa1, 'a')],
  ['§5.2 RSV3', 1002, (of) => of(0x91, 'a')],
  ['§5.2 a reserved data opcode', 1002, (of) => of(0x83, 'a')],
  ['§5.2 a reserved control opcode', 1002, (of) => of(0x8b, '')],
  ['§5.2 a length that is not in its shortest form', 1002, (of) => lengthened(of(0x82, 'ab'), [126, 0, 2])],
  ['§5.2 the same in 64 bits', 1002, (of) => lengthened(of(0x82, 'ab'), [127, 0, 0, 0, 0, 0, 0, 0, 2])],
  [
    '§5.2 a 64-bit length with its highest bit',
    1002,
    (of) => lengthened(of(0x82, ''), [127, 128, 0, 0, 0, 0, 0, 0, 0]),
  ],
  [
    'a 64-bit length beyond any limit',
    1009,
    (of) => lengthened(of(0x82, ''), [127, 0, 255, 0, 0, 0, 0, 0, 0]),
  ],
  ['§5.4 a continuation of nothing', 1002, (of) => of(0x80, 'a')],
  ['§5.4 a message within another', 1002, (of) => Buffer.concat([of(0x01, 'a'), of(0x81, 'b')])],
  ['§5.5 a fragmented ping', 1002, (of) => of(0x09, 'a')],
  ['§5.5 a ping of 126 bytes', 1002, (of) => of(0x89, long(126))],
  ['§5.5.1 a close of one byte', 1002, (of) => of(0x88, 'a')],
  ['§7.4.1 a close code nobody may send', 1002, (of) => of(0x88, Buffer.from([1005 >> 8, 1005 & 255]))],
  ['§7.4.2 a close code that does not exist', 1002, (of) => of(0x88, Buffer.from([0, 1]))],
  ['§5.5.1 a reason that is not UTF-8', 1002, (of) => of(0x88, Buffer.from([3, 232, 255]))],
  ['§10.4 a frame above the limit', 1009, (of) => of(0x82, long(1001))],
  [
    '§10.4 a fragmented message above the limit',
    1009,
    (of) => Buffer.concat([of(0x02, long(600)), of(0x80, long(401))]),
  ],
];

/** The frame with another length field. */
function lengthened(bytes: Buffer, field: number[]): Buffer {
  const bit = bytes[1]! & 128;
  return Buffer.concat([Buffer.from([bytes[0]!, bit | field[0]!, ...field.slice(1)]), bytes.subarray(2)]);
}

describe('what a client must not send: it gets the code, the upstream hears that the client is gone', () => {
  const all: typeof broken = [...broken, ['§5.1 a frame that is not masked', 1002, () => frame(0x81, 'a')]];
  for (const [what, code, bytes] of all)
    test(`${what}: ${code}`, limits, async () => {
      const [client, peer] = await open();
      client.socket.write(
        Buffer.concat([masked(0x81, 'before'), bytes((first, payload) => masked(first, payload))]),
      );
      await client.end();
      assert.equal(client.closeCode, code);
      assert.ok(
        client.frames.every((one) => !one.masked),
        '§5.1 a server never masks',
      );
      await peer.until(() => peer.closeCode !== 0);
      assert.equal(peer.closeCode, 1001);
      assert.ok(
        peer.frames.every((one) => one.masked),
        '§5.3 a client always masks',
      );
      assert.equal(peer.frames[0]!.payload.toString(), 'before');
      peer.socket.end(closeFrame(1001));
      client.socket.destroy();
      // The ledger takes a moment: one receipt speaks for all.
      if (what !== all[0]![0]) return;
      const receipt = await receiptOf(gateway, idOf(client));
      assert.deepEqual([receipt.outcome, receipt.fault], ['refused', 'request/websocket']);
    });
});

describe('what an upstream must not send: it gets the code, the client 1014', () => {
  const all: typeof broken = [...broken, ['§5.1 a frame that is masked', 1002, () => masked(0x81, 'a')]];
  for (const [what, code, bytes] of all)
    test(`${what}: ${code}`, limits, async () => {
      const [client, peer] = await open();
      peer.socket.write(Buffer.concat([frame(0x81, 'before'), bytes(frame)]));
      await client.until(() => client.closeCode !== 0);
      assert.equal(client.closeCode, 1014);
      assert.equal(client.frames[0]!.payload.toString(), 'before');
      await peer.end();
      assert.equal(peer.closeCode, code);
      client.socket.end(closeFrame(1014, '', true));
      await client.end();
      // The ledger takes a moment: one receipt speaks for all.
      if (what !== all[0]![0]) return;
      const receipt = await receiptOf(gateway, idOf(client));
      assert.deepEqual([receipt.outcome, receipt.fault], ['upstream_error', 'upstream/protocol']);
    });
});

describe('what passes', () => {
  test(
    '§5.4 control frames within a fragmented message, and a compressed one where that was agreed on',
    limits,
    async () => {
      upstream.answer = (accept) => switching(accept, 'Sec-WebSocket-Extensions: permessage-deflate\r\n');
      const [client, peer] = await open('/ws/x', [deflate]);
      const sent = [0x41, 0x89, 0x00, 0x8a, 0x80, 0x82];
      for (const first of sent) client.socket.write(masked(first, `${first}`));
      await peer.until(() => peer.frames.length === sent.length);
      assert.deepEqual(
        peer.frames.map(({ first, payload }) => [first, payload.toString()]),
        sent.map((first) => [first, `${first}`]),
      );
      client.socket.write(masked(0xc0, 'no RSV1 on a continuation'));
      await client.until(() => client.closeCode !== 0);
      assert.equal(client.closeCode, 1002);
      peer.socket.destroy();
    },
  );

  test(
    '§5.5.1 a close and its answer, with an application’s code, and nothing after it',
    limits,
    async () => {
      const [client, peer] = await open();
      client.socket.write(Buffer.concat([closeFrame(4123, 'done', true), masked(0x81, 'too late')]));
      await peer.until(() => peer.closeCode !== 0);
      assert.deepEqual([peer.closeCode, peer.frames.length], [4123, 1]);
      peer.socket.end(closeFrame(4123, 'done'));
      await client.end();
      assert.equal(client.closeCode, 4123);
      const receipt = (await receiptOf(gateway, idOf(client))) as unknown as {
        outcome: string;
        socket: object;
      };
      assert.deepEqual(
        [receipt.outcome, receipt.socket],
        [
          'completed',
          { clientBytes: 0, clientMessages: 0, upstreamBytes: 0, upstreamMessages: 0, closeCode: 4123 },
        ],
      );
    },
  );

  test('bytes and messages of both sides are on the receipt', limits, async () => {
    const [client, peer] = await open();
    client.socket.write(Buffer.concat([masked(0x01, 'abc'), masked(0x80, 'de'), masked(0x82, long(300))]));
    peer.socket.write(Buffer.concat([frame(0x81, 'four'), frame(0x89, 'not counted')]));
    await Promise.all([
      peer.until(() => peer.frames.length === 3),
      client.until(() => client.frames.length === 2),
    ]);
    client.socket.write(closeFrame(1000, '', true));
    await peer.until(() => peer.closeCode === 1000);
    peer.socket.end(closeFrame(1000));
    await client.end();
    const receipt = (await receiptOf(gateway, idOf(client))) as unknown as Record<string, unknown>;
    assert.deepEqual(receipt['socket'], {
      clientBytes: 305,
      clientMessages: 2,
      upstreamBytes: 4,
      upstreamMessages: 1,
      closeCode: 1000,
    });
    assert.deepEqual([receipt['requestBytes'], receipt['responseBytes']], [305, 4]);
  });

  test('a client that says no more still hears what is said to it', limits, async () => {
    const [client, peer] = await open();
    client.socket.end(masked(0x81, 'last'));
    await peer.end();
    peer.socket.end(frame(0x81, 'answer'));
    await client.end();
    assert.equal(client.frames[0]!.payload.toString(), 'answer');
  });

  test('a reader that is slow slows the writer down; nothing is lost', limits, async () => {
    const [client, peer] = await open('/wide/x');
    client.socket.pause();
    const piece = frame(0x82, Buffer.alloc(60_000, 7));
    let sent = 0;
    while (peer.socket.writableLength < 4_000_000) {
      peer.socket.write(piece);
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.socket.write(closeFrame(1000));
    client.socket.resume();
    await client.until(() => client.closeCode === 1000);
    assert.equal(client.frames.length, sent + 1);
    assert.ok(client.frames.slice(0, -1).every(({ payload }) => payload.length === 60_000));
    client.socket.destroy();
    peer.socket.destroy();
  });
});

describe('loss, silence, floods', () => {
  test('an upstream that is lost between two frames: the client is told 1014', limits, async () => {
    const [client, peer] = await open();
    peer.socket.write(frame(0x81, 'a'));
    await client.until(() => client.frames.length === 1);
    peer.socket.resetAndDestroy();
    await client.end();
    assert.equal(client.closeCode, 1014);
    client.socket.destroy();
    const receipt = await receiptOf(gateway, idOf(client));
    assert.deepEqual([receipt.outcome, receipt.fault], ['upstream_error', 'upstream/closed']);
  });

  test('within a frame: nothing can be said, the connection ends', limits, async () => {
    const [client, peer] = await open();
    peer.socket.end(frame(0x81, 'abcdef').subarray(0, 4));
    await client.end();
    assert.deepEqual([client.closeCode, client.frames.length], [0, 0]);
  });

  test(
    'silent sides are asked, and their answers stay here; who does not answer is gone',
    limits,
    async () => {
      const [client, peer] = await open('/ping/x');
      const answered = (side: RawPeer) => side.frames.filter(({ first }) => first === 0x89);
      await Promise.all([
        client.until(() => answered(client).length === 1),
        peer.until(() => answered(peer).length === 1),
      ]);
      peer.socket.write(frame(0x8a, answered(peer)[0]!.payload));
      client.socket.write(masked(0x8a, answered(client)[0]!.payload));
      client.socket.write(masked(0x8a, 'an own pong'));
      await peer.until(() => peer.frames.some(({ first }) => first === 0x8a));
      assert.deepEqual(
        peer.frames.filter(({ first }) => first === 0x8a).map(({ payload }) => payload.toString()),
        ['an own pong'],
      );
      let next = 1;
      const answering = setInterval(() => {
        for (; next < answered(peer).length; next++)
          peer.socket.write(frame(0x8a, answered(peer)[next]!.payload));
      }, 50);
      await peer.until(() => peer.closeCode !== 0).finally(() => clearInterval(answering));
      assert.equal(peer.closeCode, 1001);
      await client.end();
      assert.ok(!client.frames.some(({ first }) => first === 0x8a));
      peer.socket.destroy();
    },
  );

  test('with an idle timeout both sides get 1001', limits, async () => {
    const [client, peer] = await open('/idle/x');
    await Promise.all([
      client.until(() => client.closeCode === 1001),
      peer.until(() => peer.closeCode === 1001),
    ]);
    client.socket.write(closeFrame(1001, '', true));
    peer.socket.write(closeFrame(1001));
    await Promise.all([client.end(), peer.end()]);
    assert.equal((await receiptOf(gateway, idOf(client))).outcome, 'completed');
  });

  test('security 32: a flood of pings, or of empty fragments, ends it with 1008', limits, async () => {
    for (const flood of [masked(0x89), masked(0x8a, 'x')]) {
      const [client, peer] = await open('/few/x');
      client.socket.write(Buffer.concat(Array<Buffer>(50).fill(flood)));
      await client.end();
      assert.equal(client.closeCode, 1008);
      await peer.until(() => peer.closeCode === 1001);
      assert.ok(peer.frames.length < 12);
      peer.socket.destroy();
    }
    const [client, peer] = await open('/few/x');
    client.socket.write(Buffer.concat([masked(0x01), ...Array<Buffer>(70_000).fill(masked(0x00))]));
    await client.end();
    assert.equal(client.closeCode, 1008);
    peer.socket.destroy();
  });
});
