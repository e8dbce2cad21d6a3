import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Origin, RawSocket, Upstream, UpstreamCall, UpstreamRequest } from '#core/contracts/upstream.ts';
import type { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { createUpstream, type UpstreamOptions } from '../index.ts';

export interface TestUpstream extends Upstream {
  /** Time stands still otherwise: no timeout and no expiry comes by itself. */
  advance(ms: number): void;
  /** Resolves once all calls have been measured against the present time. Needs one under way. */
  looked(): Promise<void>;
}

/** A client of its own, which must have no connection left when the test is over. */
export function testUpstream(t: TestContext, options: Partial<UpstreamOptions> = {}): TestUpstream {
  let now = 1_000_000;
  let looks = 0;
  const clock = { nowMs: () => now, monotonicMs: () => (looks++, now) };
  const client = createUpstream({ clock, tickMs: 5, ...options });
  const calls: UpstreamCall[] = [];
  const start: Upstream['start'] = (request, sink) => {
    const call = client.start(request, sink);
    calls.push(call);
    return call;
  };
  const upstream: Upstream = { ...client, start };
  t.after(async () => {
    upstream.close();
    try {
      // After a failure calls may still be under way; waiting for those would hide what failed.
      if (!t.passed) return;
      await until(() => upstream.stats().open === 0);
      assert.deepEqual(upstream.stats(), { open: 0, idle: 0, active: 0 });
    } finally {
      for (const call of calls) call.cancel();
    }
  });
  // The second look begins when the first is over.
  const looked = (from = looks) => until(() => looks >= from + 2);
  return Object.assign(upstream, { advance: (ms: number) => void (now += ms), looked: () => looked() });
}

/** Waits for what must come. What does not come in ten seconds is not late but missing. @throws Error that shows it */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${String(condition)}`);
    await sleep(2);
  }
}

export interface RawServer {
  readonly port: number;
  readonly sockets: Socket[];
  /** What came over the connection of this number, in latin1. */
  received(connection: number): string;
}

/** A server of bytes. `onConnection` gets each connection with its number. */
export async function rawServer(
  t: TestContext,
  onConnection: (socket: Socket, index: number) => void,
  server: Server = createServer(),
): Promise<RawServer> {
  const sockets: Socket[] = [];
  const texts: string[] = [];
  server.on(
    server.listenerCount('secureConnection') || 'setSecureContext' in server
      ? 'secureConnection'
      : 'connection',
    (socket: Socket) => {
      const index = sockets.push(socket) - 1;
      texts.push('');
      socket.on('error', () => {});
      socket.on('data', (chunk) => (texts[index] += chunk.toString('latin1')));
      onConnection(socket, index);
    },
  );
  // A test that fails may skip its clean-up; its process is to end nevertheless.
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, received: (index) => texts[index] ?? '' };
}

/** Calls back for each request whose head has come (bodies by Content-Length are waited for), counted from 0. */
export function onRequests(socket: Socket, onRequest: (text: string, index: number) => void): void {
  let text = '';
  let index = 0;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      const request = text.slice(0, end + 4 + length);
      text = text.slice(end + 4 + length);
      onRequest(request, index++);
    }
  });
}

/** Answers every request with this body. */
export const answering =
  (body: string, fields = '') =>
  (socket: Socket): void =>
    onRequests(socket, () => socket.write(okAnswer(body, fields)));

export const okAnswer = (body: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\n${fields}content-length: ${body.length}\r\n\r\n${body}`;

export const originOf = (port: number, over: Partial<Origin> = {}): Origin => {
  const origin = { secure: false, host: '127.0.0.1', port, proxy: null, tls: null, ...over };
  return { key: `${origin.secure}|${origin.host}:${port}|${origin.proxy}`, ...origin };
};

export type RequestParts = Omit<Partial<UpstreamRequest>, 'timeouts'> & {
  timeouts?: Partial<UpstreamRequest['timeouts']>;
};

export function requestTo(to: number | Origin, over: RequestParts = {}): UpstreamRequest {
  const { timeouts, ...rest } = over;
  return {
    origin: typeof to === 'number' ? originOf(to) : to,
    method: 'GET',
    path: '/',
    headers: ['host', 'test'],
    body: null,
    idempotent: true,
    upgrade: null,
    ...rest,
    timeouts: { connectMs: 10_000, responseHeaderMs: 10_000, idleMs: 10_000, totalMs: 0, ...timeouts },
  };
}

export interface Outcome {
  status: number;
  headers: HeaderList;
  interim: number[];
  body: string;
  trailers: HeaderList;
  fault: Fault | null;
  upgrade: { socket: RawSocket; firstBytes: Buffer } | null;
  /** Names of the callbacks, in order. */
  events: string[];
}

export interface Sent {
  readonly call: UpstreamCall;
  /** As far as it has come. */
  readonly outcome: Outcome;
  /** The last callback has come. */
  readonly done: Promise<Outcome>;
}

export interface Hooks {
  onHead?(call: UpstreamCall): void;
  onData?(call: UpstreamCall, chunk: Buffer): void;
  onEnd?(): void;
}

/** Starts a request and notes all that is called back. Anything after the last callback fails the test. */
export function send(upstream: Upstream, request: UpstreamRequest, hooks: Hooks = {}): Sent {
  const outcome: Outcome = {
    status: 0,
    headers: [],
    interim: [],
    body: '',
    trailers: [],
    fault: null,
    upgrade: null,
    events: [],
  };
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let over = false;
  let returned = false;
  const note = (event: string, last = false) => {
    assert.ok(returned, `${event} came before start() had returned`);
    assert.ok(!over, `${event} came after the last callback`);
    outcome.events.push(event);
    over = last;
  };
  const call = upstream.start(request, {
    onInterim(status) {
      note('interim');
      outcome.interim.push(status);
    },
    onHead(status, headers) {
      note('head');
      Object.assign(outcome, { status, headers });
      hooks.onHead?.(call);
    },
    onData(chunk) {
      note('data');
      outcome.body += chunk.toString('latin1');
      hooks.onData?.(call, chunk);
    },
    onEnd(trailers) {
      note('end', true);
      outcome.trailers = trailers;
      hooks.onEnd?.();
      resolve(outcome);
    },
    onFault(fault) {
      note('fault', true);
      outcome.fault = fault;
      resolve(outcome);
    },
    onUpgrade(headers, socket, firstBytes) {
      note('upgrade', true);
      Object.assign(outcome, { headers, upgrade: { socket, firstBytes } });
      resolve(outcome);
    },
  });
  returned = true;
  return { call, outcome, done: promise };
}
