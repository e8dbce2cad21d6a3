import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import {
  answering,
  okAnswer,
  onRequests,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
} from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };

/** A body that the test gives piece by piece. */
function source(lengthBytes: number | null) {
  const seen = { pauses: 0, resumes: 0, sink: null as BodySink | null };
  const body: BodySource = {
    lengthBytes,
    open: (sink) => void (seen.sink = sink),
    pause: () => void seen.pauses++,
    resume: () => void seen.resumes++,
  };
  return { body, seen };
}

describe('requests as they are put on the wire', limits, () => {
  test('head and framing by method and body', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, answering(''));
    const cases = [
      ['GET', null, ''],
      ['HEAD', null, ''],
      ['DELETE', null, ''],
      ['OPTIONS', Buffer.alloc(0), ''],
      ['POST', null, 'content-length: 0\r\n'],
      ['PUT', null, 'content-length: 0\r\n'],
      ['PATCH', Buffer.alloc(0), 'content-length: 0\r\n'],
      ['POST', Buffer.from('abc'), 'content-length: 3\r\n'],
      ['DELETE', Buffer.from('abc'), 'content-length: 3\r\n'],
    ] as const;
    let expected = '';
    for (const [method, body, framing] of cases) {
      await send(upstream, requestTo(server.port, { method, body, path: '/a?b=%20' })).done;
      expected += `${method} /a?b=%20 HTTP/1.1\r\nhost: test\r\n${framing}connection: keep-alive\r\n\r\n${body ?? ''}`;
    }
    assert.equal(server.received(0), expected);
  });

  test("fields of the connection are the client's own", async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, answering(''));
    const names = [
      'connection',
      'content-length',
      'transfer-encoding',
      'keep-alive',
      'te',
      'upgrade',
      'expect',
    ];
    const headers = ['host', 'test', 'x-latin', 'caf\xe9', ...names.flatMap((name) => [name, '7'])];
    await send(upstream, requestTo(server.port, { headers })).done;
    assert.equal(
      server.received(0),
      'GET / HTTP/1.1\r\nhost: test\r\nx-latin: caf\xe9\r\nconnection: keep-alive\r\n\r\n',
    );
  });

  const bad: Record<string, Parameters<typeof requestTo>[1]> = {
    'CR in a value': { headers: ['a', 'b\rc'] },
    'LF in a value': { headers: ['a', 'b\nc: d'] },
    'NUL in a value': { headers: ['a', 'b\0'] },
    'a value beyond latin1': { headers: ['a', '\u010a'] },
    'LF in a name': { headers: ['a\nb', 'c'] },
    'a space in a path': { path: '/a b' },
    'CRLF in a path': { path: '/ HTTP/1.1\r\nx: y' },
    'a path beyond latin1 that ends in the byte of LF': { path: '/\u010a' },
    'an empty path': { path: '' },
    'CRLF in a method': { method: 'GET / HTTP/1.1\r\n' },
    CONNECT: { method: 'CONNECT' },
    'CRLF in the protocol to upgrade to': { upgrade: 'a\r\nb' },
  };
  for (const [what, over] of Object.entries(bad)) {
    test(`${what} is refused, and nothing is sent`, async (t) => {
      const upstream = testUpstream(t);
      const server = await rawServer(t, answering(''));
      const { fault } = await send(upstream, requestTo(server.port, over)).done;
      assert.equal(fault?.code, 'request/malformed');
      assert.equal(server.sockets.length, 0);
    });
  }

  test('large bodies arrive whole', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => onRequests(socket, () => socket.write(okAnswer('done'))));
    const body = Buffer.alloc(3_000_000, 'abcdefghij');
    const outcome = await send(upstream, requestTo(server.port, { method: 'POST', body })).done;
    assert.equal(outcome.body, 'done');
    assert.ok(server.received(0).endsWith(`\r\n\r\n${body.toString('latin1')}`));
    assert.equal(upstream.stats().idle, 1);
  });

  test('flowing bodies: by length and by chunks', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString().endsWith('end!') || chunk.toString().endsWith('0\r\n\r\n'))
          socket.write(okAnswer(''));
      });
    });
    for (const length of [10, null]) {
      const { body, seen } = source(length);
      const sent = send(upstream, requestTo(server.port, { method: 'POST', body }));
      await until(() => seen.sink !== null);
      seen.sink!.onData(Buffer.from('begin-'));
      seen.sink!.onData(Buffer.alloc(0));
      seen.sink!.onData(Buffer.from('end!'));
      seen.sink!.onEnd();
      assert.equal((await sent.done).status, 200);
    }
    const [, byLength, , byChunks] = server.received(0).split(/\r\n\r\n(?=begin|6\r\n|POST)|(?=POST)/);
    assert.equal(byLength, 'begin-end!');
    assert.equal(byChunks, '6\r\nbegin-\r\n4\r\nend!\r\n0\r\n\r\n');
    assert.equal(server.sockets.length, 1);
  });

  test('a body of another length than announced is refused, and its connection given up', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, () => {});
    for (const text of ['abcd', 'ab']) {
      const { body, seen } = source(3);
      const sent = send(upstream, requestTo(server.port, { method: 'POST', body }));
      await until(() => seen.sink !== null);
      seen.sink!.onData(Buffer.from(text));
      seen.sink!.onEnd();
      const { fault } = await sent.done;
      assert.equal(fault?.code, 'request/malformed');
      assert.match(fault.message, text.length > 3 ? /longer than the 3/ : /shorter than the 3/);
    }
    assert.equal(upstream.stats().open, 0);
  });

  test("a body's own fault ends the request, even one that comes at once on a kept-alive connection", async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, answering(''));
    await send(upstream, requestTo(server.port)).done;
    const body: BodySource = {
      lengthBytes: null,
      open: (sink) => sink.onFault(new Fault('client/gone', 'The client hung up.')),
      pause() {},
      resume() {},
    };
    const outcome = await send(upstream, requestTo(server.port, { method: 'POST', body })).done;
    assert.equal(outcome.fault?.code, 'client/gone');
    assert.equal(upstream.stats().open, 0);
  });

  test('an early answer is delivered, the rest of the request is not sent, the connection not kept', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nmuch'));
    });
    const { body, seen } = source(1000);
    const sent = send(upstream, requestTo(server.port, { method: 'POST', body }));
    await until(() => seen.sink !== null);
    const outcome = await sent.done;
    assert.deepEqual([outcome.status, outcome.body], [413, 'much']);
    assert.equal(upstream.stats().open, 0);
    seen.sink!.onData(Buffer.alloc(1000, 'z'));
    seen.sink!.onEnd();
    await until(() => server.sockets[0]!.closed);
    assert.ok(!server.received(0).includes('z'));
  });

  test('an early answer to a large buffer, still unsent, does not free its connection', async (t) => {
    const upstream = testUpstream(t);
    await rawServer(t, () => {});
    const server = await rawServer(t, (socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write(okAnswer('early'));
      });
    });
    const body = Buffer.alloc(30_000_000);
    const outcome = await send(upstream, requestTo(server.port, { method: 'POST', body })).done;
    assert.equal(outcome.body, 'early');
    assert.equal(upstream.stats().open, 0);
  });
});
