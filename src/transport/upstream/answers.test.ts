import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import {
  onRequests,
  okAnswer,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
  type RequestParts,
} from './testing/test-upstream.ts';

const limits = { timeout: 20_000 };
const ok = 'HTTP/1.1 200 OK\r\n';
const chunked = `${ok}transfer-encoding: chunked\r\n\r\n`;

/** Sends a request whose answer is these bytes, cut into the given pieces; the pieces leave one by one. */
async function answerOf(
  t: TestContext,
  pieces: readonly string[],
  over: RequestParts & { end?: boolean } = {},
) {
  const { end = false, ...parts } = over;
  const upstream = testUpstream(t);
  const server = await rawServer(t, (socket) => {
    socket.setNoDelay(true);
    onRequests(socket, () => {
      let at = 0;
      const next = () => {
        const piece = pieces[at++];
        if (piece !== undefined) socket.write(Buffer.from(piece, 'latin1'), () => setImmediate(next));
        else if (end) socket.end();
      };
      next();
    });
  });
  const outcome = await send(upstream, requestTo(server.port, parts)).done;
  return { upstream, server, outcome };
}

describe('answers in several parts', limits, () => {
  test('interim ones are told, 100 is not, and the connection stays', async (t) => {
    const wire = [
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 2',
      '00 OK\r\ncontent-length: 2\r\n\r\nok',
    ];
    const { upstream, outcome } = await answerOf(t, wire);
    assert.deepEqual(outcome.interim, [103, 102]);
    assert.deepEqual(outcome.events, ['interim', 'interim', 'head', 'data', 'end']);
    assert.equal(outcome.body, 'ok');
    assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
  });

  test('chunks, extensions and trailers, cut at every byte', async (t) => {
    const wire = `${chunked}3;a=b\r\nabc\r\n0002\r\nde\r\n0\r\nX-Sum: 5\r\nx-sum: 6\r\n\r\n`;
    const { upstream, outcome } = await answerOf(t, [...wire]);
    assert.equal(outcome.body, 'abcde');
    assert.deepEqual(outcome.trailers, ['x-sum', '5', 'x-sum', '6']);
    assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
  });

  test('one that only the close ends', async (t) => {
    const { upstream, outcome, server } = await answerOf(t, [`${ok}\r\nto the `, 'end'], { end: true });
    assert.deepEqual([outcome.body, outcome.fault], ['to the end', null]);
    await until(() => upstream.stats().open === 0 && server.sockets[0]!.closed);
  });

  for (const [what, method, head] of [
    ['HEAD', 'HEAD', `${ok}content-length: 100\r\n\r\n`],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n'],
  ] as const) {
    test(`${what} has no body, and its connection carries the next request`, async (t) => {
      const { upstream, outcome, server } = await answerOf(t, [head], { method });
      assert.deepEqual(outcome.events, ['head', 'end']);
      await send(upstream, requestTo(server.port, { method })).done;
      assert.equal(server.sockets.length, 1);
    });
  }

  test('Connection: close and HTTP/1.0 are obeyed', async (t) => {
    for (const head of [`${ok}connection: close\r\n`, 'HTTP/1.0 200 OK\r\n']) {
      const { upstream, outcome, server } = await answerOf(t, [`${head}content-length: 2\r\n\r\nok`]);
      assert.equal(outcome.body, 'ok');
      await until(() => upstream.stats().open === 0 && server.sockets[0]!.closed);
    }
  });
});

describe('answers that break off', limits, () => {
  const cases: Record<string, readonly string[]> = {
    'before the head': [],
    'within the head': [`${ok}content-le`],
    'before the end of its length': [`${ok}content-length: 10\r\n\r\n`, '12345'],
    'within a chunk': [chunked, '5\r\nabc'],
    'before the last chunk': [chunked, '3\r\nabc\r\n'],
    'within the trailers': [chunked, '3\r\nabc\r\n0\r\nx: y\r\n'],
  };
  for (const [where, pieces] of Object.entries(cases)) {
    test(`${where}: upstream/closed, never an end`, async (t) => {
      const { upstream, outcome } = await answerOf(t, pieces, { end: true });
      assert.equal(outcome.fault?.code, 'upstream/closed');
      assert.ok(!outcome.events.includes('end'));
      assert.equal(upstream.stats().open, 0);
    });
  }
});

describe('answers with more to them than belongs there', limits, () => {
  const extra: Record<string, string> = {
    'a second answer': okAnswer('poison'),
    'an interim one': 'HTTP/1.1 103 Early Hints\r\n\r\n',
    'a line break': '\r\n',
    'one byte': 'x',
  };
  for (const [what, more] of Object.entries(extra)) {
    for (const [how, whole] of [
      ['a length', `${ok}content-length: 2\r\n\r\nok`],
      ['chunks', `${chunked}2\r\nok\r\n0\r\n\r\n`],
      ['no body', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ] as const) {
      test(`${what} in the same read, after ${how}: a fault, and the connection is given up`, async (t) => {
        const { upstream, outcome, server } = await answerOf(t, [whole + more]);
        assert.equal(outcome.fault?.code, 'upstream/protocol');
        assert.match(outcome.fault.message, /bytes after the end of its answer/);
        assert.equal(upstream.stats().open, 0);
        await until(() => server.sockets[0]!.closed);
      });
    }

    test(`${what} a little later: the answer stands, the connection does not`, async (t) => {
      const { upstream, outcome, server } = await answerOf(t, [`${ok}content-length: 2\r\n\r\nok`, more]);
      // The two writes may meet in one read, and then the answer cannot be told from the rest.
      assert.ok(outcome.body === 'ok' || outcome.fault?.code === 'upstream/protocol');
      await until(() => server.sockets[0]!.closed && upstream.stats().open === 0);
    });
  }

  test('what comes instead of HTTP is shown as such', async (t) => {
    for (const wire of [
      'SSH-2.0-OpenSSH\r\n',
      '\x15\x03\x03\x00\x02\x02\x28',
      'HTTP/2 200\r\n\r\n',
      `${ok}a: b\nc: d\r\n\r\n`,
    ]) {
      const { upstream, outcome } = await answerOf(t, [wire]);
      assert.equal(outcome.fault?.code, 'upstream/protocol', wire);
      assert.equal(upstream.stats().open, 0);
    }
  });
});

describe('answers before the request has ended', limits, () => {
  const begin = async (t: TestContext, first: string) => {
    let sink: BodySink | null = null;
    const body: BodySource = {
      lengthBytes: 10,
      open: (given) => void (sink = given),
      pause() {},
      resume() {},
    };
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => socket.once('data', () => socket.write(first)));
    const sent = send(upstream, requestTo(server.port, { method: 'POST', body }));
    await until(() => sent.outcome.events.length > 0);
    return { upstream, server, sent, sink: sink! as BodySink };
  };

  test('one that goes on while the request does: both arrive whole', async (t) => {
    const { upstream, server, sent, sink } = await begin(t, `${ok}content-length: 4\r\n\r\nhe`);
    sink.onData(Buffer.from('0123456789'));
    sink.onEnd();
    await until(() => server.received(0).endsWith('0123456789'));
    server.sockets[0]!.write('re');
    assert.equal((await sent.done).body, 'here');
    assert.deepEqual(upstream.stats(), { open: 1, idle: 1, active: 0 });
  });

  test('a final one ends the request: nothing more of it is sent', async (t) => {
    const { upstream, server, sent, sink } = await begin(t, 'HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno');
    assert.deepEqual([(await sent.done).status, sent.outcome.body], [401, 'no']);
    sink.onData(Buffer.from('0123456789'));
    sink.onEnd();
    await until(() => server.sockets[0]!.closed);
    assert.ok(!server.received(0).includes('0123'));
    assert.equal(upstream.stats().open, 0);
  });

  test('the upstream answers and resets: the answer that came whole stands', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.end('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig', () => socket.destroy());
      });
    });
    const body = Buffer.alloc(30_000_000);
    const outcome = await send(upstream, requestTo(server.port, { method: 'POST', body })).done;
    assert.deepEqual([outcome.status, outcome.body, outcome.fault], [413, 'big', null]);
    assert.equal(upstream.stats().open, 0);
  });
});

describe('leaving HTTP', limits, () => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: toy\r\nconnection: upgrade\r\n\r\n';

  test('both ways, with the bytes that came along', async (t) => {
    const upstream = testUpstream(t);
    const server = await rawServer(t, (socket) => {
      socket.once('data', () => {
        socket.write(`${switching}hello`);
        socket.on('data', (chunk) => socket.write(`<${chunk.toString()}>`));
      });
    });
    const { upgrade, events } = await send(upstream, requestTo(server.port, { upgrade: 'toy' })).done;
    assert.deepEqual(events, ['upgrade']);
    let text = upgrade!.firstBytes.toString();
    upgrade!.socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    upgrade!.socket.write(Buffer.from('ping'));
    await until(() => text === 'hello<ping>');
    assert.equal(upstream.stats().active, 1);
    const closed = new Promise<void>((resolve) => upgrade!.socket.on('close', resolve));
    server.sockets[0]!.end();
    await closed;
    assert.equal(upstream.stats().open, 0);
  });

  test('only when it was asked for', async (t) => {
    const { upstream, outcome } = await answerOf(t, [switching]);
    assert.equal(outcome.fault?.code, 'upstream/protocol');
    assert.equal(upstream.stats().open, 0);
  });

  test('an upstream may stay with HTTP, and answer', async (t) => {
    const { upstream, outcome } = await answerOf(t, [okAnswer('no')], { upgrade: 'toy' });
    assert.deepEqual([outcome.status, outcome.body], [200, 'no']);
    assert.equal(upstream.stats().idle, 1);
  });
});
