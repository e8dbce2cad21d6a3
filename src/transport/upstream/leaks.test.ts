import assert from 'node:assert/strict';
import { createServer as createPlain, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import { Fault } from '#core/fault.ts';
import { makeCertificates } from '../testing/certificates.ts';
import {
  okAnswer,
  originOf,
  rawServer,
  requestTo,
  send,
  testUpstream,
  until,
  type Hooks,
  type RequestParts,
  type Sent,
} from './testing/test-upstream.ts';

const limits = { timeout: 30_000 };
const atOnce = process.env['SLUICE_LONG'] ? 200 : 20;
const certificates = makeCertificates();

const begun = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun';
const onData = (meets: (socket: Socket) => void) => (socket: Socket) =>
  void socket.once('data', () => meets(socket));
const writing = (text: string) => onData((socket) => socket.write(text));
const waits = () => {};
const endless = { lengthBytes: null, open() {}, pause() {}, resume() {} };

interface Failure {
  /** What a connection meets. */
  readonly server: (socket: Socket) => void;
  readonly request?: RequestParts;
  readonly hooks?: Hooks;
  /** What befalls the call once its connection is there. */
  readonly then?: (sent: Sent) => Promise<void>;
  readonly timesOut?: boolean;
  readonly tls?: boolean;
  /** Code of the fault; null: the call is cancelled, and nothing is called back. */
  readonly code: string | null;
}

const whenBegun = (sent: Sent) => until(() => sent.outcome.body === 'begun');
const cancel = async (sent: Sent) => sent.call.cancel();

const failures: Record<string, Failure> = {
  'closes before the head': { server: onData((socket) => socket.end()), code: 'upstream/closed' },
  'resets before the head': { server: onData((socket) => socket.resetAndDestroy()), code: 'upstream/closed' },
  'closes within the body': { server: onData((socket) => socket.end(begun)), code: 'upstream/closed' },
  'resets within the body': {
    server: onData((socket) => socket.write(begun, () => socket.resetAndDestroy())),
    code: 'upstream/closed',
  },
  'speaks another protocol': { server: (socket) => socket.write('220 mail\r\n'), code: 'upstream/protocol' },
  'sends a head without end': {
    server: writing(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`),
    code: 'upstream/protocol',
  },
  'sends a chunk that is none': {
    server: writing('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
    code: 'upstream/protocol',
  },
  'sends too much': { server: writing(`${okAnswer('x')}y`), code: 'upstream/protocol' },
  'switches unasked': { server: writing('HTTP/1.1 101 No\r\n\r\n'), code: 'upstream/protocol' },
  'says nothing': { server: waits, timesOut: true, code: 'upstream/header-timeout' },
  'falls silent': { server: writing(begun), then: whenBegun, timesOut: true, code: 'upstream/idle-timeout' },
  'says nothing in a handshake': {
    server: waits,
    request: { origin: originOf(0, { secure: true }) },
    timesOut: true,
    code: 'upstream/connect-timeout',
  },
  'shows a certificate that nobody trusts': { server: waits, tls: true, code: 'upstream/tls' },
  'is a proxy that refuses': {
    server: writing('HTTP/1.1 403 No\r\n\r\n'),
    request: { origin: originOf(0, { proxy: 'yes' }) },
    code: 'upstream/connect',
  },
  'is left before it answers': { server: waits, then: cancel, code: null },
  'is left within the body': {
    server: writing(begun),
    then: async (sent) => {
      await whenBegun(sent);
      sent.call.cancel();
    },
    code: null,
  },
  'is left by a request whose body fails': {
    server: waits,
    request: {
      method: 'POST',
      body: { ...endless, open: (sink) => sink.onFault(new Fault('client/gone', 'The client hung up.')) },
    },
    code: 'client/gone',
  },
  'is left within a request': {
    server: waits,
    request: { method: 'POST', body: endless },
    then: cancel,
    code: null,
  },
  'is answered to by a bug of ours': {
    server: writing(begun),
    hooks: {
      onHead() {
        throw new Error('a bug');
      },
    },
    code: 'gateway/internal',
  },
};

describe('nothing is left of an upstream that', limits, () => {
  for (const [what, failure] of Object.entries(failures)) {
    test(`${what} (${atOnce} times at once)`, async (t) => {
      const upstream = testUpstream(t);
      let arrived = 0;
      let left = 0;
      const listener = failure.tls ? createTls(certificates.selfSigned) : createPlain();
      // Counted below TLS, and below whatever the server does.
      listener.on('connection', (socket: Socket) => {
        arrived++;
        socket.on('close', () => left++);
      });
      const server = await rawServer(t, failure.server, listener);
      const asked = failure.request?.origin;
      const to = originOf(server.port, {
        secure: asked?.secure ?? failure.tls ?? false,
        proxy: asked?.proxy ? `http://127.0.0.1:${server.port}` : null,
      });
      const calls = Array.from({ length: atOnce }, () =>
        send(upstream, { ...requestTo(to, failure.request), origin: to }, failure.hooks),
      );
      await until(() => arrived === atOnce);
      for (const sent of calls) await failure.then?.(sent);
      if (failure.timesOut) {
        await upstream.looked();
        upstream.advance(1_000_000);
      }
      if (failure.code === null) for (const sent of calls) assert.ok(!sent.outcome.events.includes('end'));
      else for (const sent of calls) assert.equal((await sent.done).fault?.code, failure.code);
      await until(() => left === atOnce);
      assert.equal(arrived, atOnce);
      const stats = upstream.stats();
      assert.deepEqual(stats, { open: 0, idle: 0, active: 0 });
      t.diagnostic(`figure: failed upstream calls whose sockets were counted: ${atOnce}`);
      const remain = arrived - left + stats.open + stats.active;
      t.diagnostic(`figure: sockets or places in the pool that they left: ${remain}`);
    });
  }

  test('is not there', async (t) => {
    const upstream = testUpstream(t);
    const calls = Array.from({ length: atOnce }, () => send(upstream, requestTo(1)));
    for (const sent of calls) assert.equal((await sent.done).fault?.code, 'upstream/connect');
    assert.deepEqual(upstream.stats(), { open: 0, idle: 0, active: 0 });
  });

  test('has a name that does not exist', async (t) => {
    const upstream = testUpstream(t);
    const { fault } = await send(upstream, requestTo(originOf(80, { host: 'nowhere.invalid' }))).done;
    assert.equal(fault?.code, 'upstream/connect');
    assert.deepEqual(upstream.stats(), { open: 0, idle: 0, active: 0 });
  });
});
