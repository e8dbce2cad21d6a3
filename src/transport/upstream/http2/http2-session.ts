import { createRequire } from 'node:module';
import type * as http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Origin } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { closedFault, nameOf, unsentFault } from '../connection-fault.ts';
import { Dial, type Dialer } from '../dial.ts';

export interface SessionHost {
  readonly dialer: Dialer;
  nowMs(): number;
  /** The session can carry requests; or, the peer having chosen so, only HTTP/1.1 can. */
  ready(session: Http2Session): void;
  speaksHttp1(session: Http2Session): void;
  failed(session: Http2Session, fault: Fault): void;
  /** It has room again. */
  roomy(session: Http2Session): void;
  closed(session: Http2Session): void;
}

/** Before the peer says how many streams it takes (RFC 9113 §6.5.2 suggests at least as many). */
const usualStreams = 100;
/** More do not make one connection faster. */
const mostStreams = 250;
const streamWindow = 256 * 1024;
/** All streams of a connection share it: those that are paused must not starve the others. */
const connectionWindow = 16 * 1024 * 1024;
/** A silent connection is asked whether it still stands, and given so long to answer. */
const pingAfterMs = 15_000;
const pongWithinMs = 5_000;

let library: typeof http2 | null = null;
/** Loaded when the first upstream speaks HTTP/2: it takes memory in every thread. */
const load = (): typeof http2 => (library ??= createRequire(import.meta.url)('node:http2') as typeof http2);

/** One connection to an upstream that speaks HTTP/2: carries many requests at a time. */
export class Http2Session {
  readonly origin: Origin;
  readonly #host: SessionHost;
  readonly #dial: Dial;
  readonly startedMs: number;
  #session: ClientHttp2Session | null = null;
  #socket: Socket | null = null;
  #limit = usualStreams;
  #ready = false;
  #streams = 0;
  #draining = false;
  #lastStream = Infinity;
  #heardMs: number;
  #readBytes = 0;
  #pingedMs = 0;
  closed = false;
  idleSinceMs: number;

  constructor(origin: Origin, host: SessionHost) {
    this.origin = origin;
    this.#host = host;
    this.startedMs = this.idleSinceMs = this.#heardMs = host.nowMs();
    const protocols = origin.http2 === 'alpn' ? ['h2', 'http/1.1'] : ['h2'];
    this.#dial = new Dial(origin, host.dialer, { onread: null, handler: this, protocols });
  }

  get connected(): boolean {
    return this.#ready;
  }

  get streams(): number {
    return this.#streams;
  }

  /** May another request be sent over it? */
  get roomy(): boolean {
    return this.#ready && !this.closed && !this.#draining && this.#streams < this.#limit;
  }

  /** Will it take requests, now or once others have ended? */
  get useful(): boolean {
    return !this.closed && !this.#draining;
  }

  /** Was a request on this stream not looked at, by the peer's own word (RFC 9113 §6.8)? */
  refused(stream: ClientHttp2Stream): boolean {
    return (stream.id ?? Infinity) > this.#lastStream;
  }

  onDialled(socket: Socket): void {
    const chosen = (socket as Partial<TLSSocket>).alpnProtocol;
    if (this.origin.secure && chosen !== 'h2') {
      if (this.origin.http2 === 'alpn') {
        socket.destroy();
        this.#close();
        return this.#host.speaksHttp1(this);
      }
      socket.destroy();
      return this.onDialFailed(
        new Fault(
          'upstream/protocol',
          `${nameOf(this.origin)} does not speak HTTP/2 over TLS (it chose ${chosen || 'nothing'} by ALPN). Set "http2: alpn" to go by its choice.`,
        ),
      );
    }
    this.#socket = socket;
    const scheme = this.origin.secure ? 'https' : 'http';
    const session = load().connect(`${scheme}://${this.origin.host}:${this.origin.port}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindow },
      maxSessionMemory: 64,
      maxHeaderListPairs: 1000,
    });
    this.#session = session;
    let broken: Error | null = null;
    session.on('error', (error: Error) => (broken = error));
    session.on('connect', () => session.setLocalWindowSize(connectionWindow));
    session.on('remoteSettings', ({ maxConcurrentStreams = usualStreams }) => {
      const wasFull = !this.roomy;
      this.#limit = Math.min(maxConcurrentStreams, mostStreams);
      // Its first frame (RFC 9113 §3.4). Requests sent before it could be more than the peer takes, and would
      // then stand in this connection's queue while others have room.
      if (!this.#ready) {
        this.#ready = true;
        return this.#host.ready(this);
      }
      if (wasFull && this.roomy) this.#host.roomy(this);
    });
    session.on('goaway', (_code: number, lastStream: number) => {
      this.#draining = true;
      this.#lastStream = Math.min(this.#lastStream, lastStream);
    });
    session.on('close', () => {
      if (!this.#ready) this.onDialFailed(unsentFault(closedFault(this.origin, broken)));
      else this.#close();
    });
  }

  onDialFailed(fault: Fault): void {
    if (this.closed) return;
    // First, so that nothing is opened anew for those that it fails.
    this.#host.failed(this, fault);
    this.#close();
  }

  open(fields: OutgoingHttpHeaders, { endStream }: { endStream: boolean }): ClientHttp2Stream {
    const stream = this.#session!.request(fields, { endStream });
    this.#streams++;
    stream.once('close', () => {
      this.#streams--;
      if (this.#streams === 0) {
        this.idleSinceMs = this.#host.nowMs();
        if (this.#draining) this.destroy();
      }
      if (this.roomy) this.#host.roomy(this);
    });
    return stream;
  }

  /** Called now and then: a peer that has gone without a word is found out. */
  check(nowMs: number): void {
    const session = this.#session;
    if (!session || this.closed) return;
    const { bytesRead } = this.#socket!;
    if (bytesRead !== this.#readBytes) {
      this.#readBytes = bytesRead;
      this.#heardMs = nowMs;
      this.#pingedMs = 0;
    }
    if (this.#pingedMs > 0 && nowMs - this.#pingedMs > pongWithinMs) return this.destroy();
    if (this.#pingedMs > 0 || this.#streams === 0 || nowMs - this.#heardMs < pingAfterMs) return;
    this.#pingedMs = nowMs;
    session.ping(ignore);
  }

  /** No new requests; those under way go on. */
  retire(): void {
    this.#draining = true;
    if (this.#streams === 0) this.destroy();
  }

  destroy(): void {
    this.#dial.cancel();
    this.#session?.destroy();
    this.#socket?.destroy();
    this.#close();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#host.closed(this);
  }
}

const ignore = (): void => {};
