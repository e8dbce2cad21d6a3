import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import { Fault } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import type { RequestLimits } from '#core/snapshot.ts';
import type { Peer } from '../canonical-head.ts';
import { problemOf } from '../problem.ts';
import { FloodWatch } from './flood-watch.ts';
import { Http2Inbound, type StreamHost } from './http2-inbound.ts';
import { http2Head, type HeadRules } from './request-head.ts';

export interface Http2ConnectionSettings {
  readonly limits: RequestLimits;
  readonly keepAliveMs: number;
  readonly websocket: boolean;
  onExchange(inbound: Inbound): void;
  onClosed(connection: Http2Connection): void;
}

// RFC 9113 §7.
const noError = 0;
const enhanceYourCalm = 11;
const endStream = 1;
/** Any stream's number is below: "I am about to close", without naming a last stream (RFC 9113 §6.8). */
const noLastStream = 0x7fffffff;
/** How long a client that does not answer a ping is waited for before it is told which stream was its last. */
const farewellMs = 1000;
/** What a client may still send on a stream whose end it has not heard of. */
const lateBytes = 65_535;
/** Frame headers of a request and of a piece of its body. */
const frameBytes = 32;

/** One client's connection. Each of its streams is an exchange. */
export class Http2Connection implements StreamHost {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #settings: Http2ConnectionSettings;
  readonly #rules: HeadRules;
  readonly #flood: FloodWatch;
  readonly #inbounds = new Set<Http2Inbound>();
  /** Refused requests whose answer is on its way. */
  #problems = 0;
  #heard = false;
  #idleSinceMs: number;
  #drainingSinceMs = 0;
  /** When anything last went out, and how much had by then. */
  #movedMs = 0;
  #writtenBytes = 0;
  /** When its end was given; 0: it was not. */
  #leftMs = 0;

  constructor(
    session: ServerHttp2Session,
    { socket, peer }: { socket: Socket; peer: Peer },
    settings: Http2ConnectionSettings,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#peer = peer;
    this.#settings = settings;
    this.#rules = {
      headerBytes: settings.limits.headerBytes,
      websocket: settings.websocket,
      newWebSocketKey: () => randomBytes(16).toString('base64'),
    };
    this.#idleSinceMs = performance.now();
    this.#flood = new FloodWatch(this.#idleSinceMs);
    session.on('stream', this.#onStream);
    session.on('error', ignore);
    session.on('close', () => settings.onClosed(this));
    // A client that closes its side has hung up: what it still asked for, nobody waits for.
    socket.on('end', () => session.destroy());
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _: IncomingHttpHeaders,
    flags: number,
    fields: string[],
  ): void => {
    this.#heard = true;
    stream.on('error', ignore);
    let bytes = frameBytes;
    for (const text of fields) bytes += text.length;
    this.#flood.explain(bytes);
    // Reset in the same read: there is nobody to answer.
    if (stream.destroyed || stream.closed) return this.endedEarly();
    const bodiless = (flags & endStream) !== 0;
    let head: RequestHead;
    try {
      head = http2Head({ fields, bodiless }, this.#peer, this.#rules);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return this.#refuse(stream, thrown);
    }
    const deadlineMs = performance.now() + this.#settings.limits.bodyTimeoutMs;
    const inbound = new Http2Inbound(stream, this, { head, bodiless, deadlineMs });
    this.#inbounds.add(inbound);
    this.#settings.onExchange(inbound);
  };

  /** Answers a request that never becomes an exchange. */
  #refuse(stream: ServerHttp2Stream, fault: Fault): void {
    this.#problems++;
    stream.once('close', () => {
      this.#problems--;
      this.#rest();
    });
    const { headers, body } = problemOf(fault);
    stream.respond({ ':status': fault.status, ...headers });
    stream.end(body);
    // What it still sends is not wanted (RFC 9113 §8.1).
    stream.once('finish', () => stream.close(noError));
    stream.resume();
  }

  // From streams.

  received(bytes: number): void {
    this.#flood.explain(bytes + frameBytes);
  }

  endedEarly(): void {
    if (this.#flood.reset()) this.#calm();
  }

  left(inbound: Http2Inbound, unreadBytes: number): void {
    this.#inbounds.delete(inbound);
    this.#flood.explain(unreadBytes + (inbound.requestComplete ? 0 : lateBytes));
    this.#rest();
  }

  #rest(): void {
    if (this.#isBusy) return;
    this.#idleSinceMs = performance.now();
  }

  get #isBusy(): boolean {
    return this.#inbounds.size > 0 || this.#problems > 0;
  }

  /** Ends the connection of a client that costs more than it asks for. */
  #calm(): void {
    this.#leftMs = performance.now();
    this.#session.destroy(new Error('the client costs more than it asks for'), enhanceYourCalm);
  }

  /** Called now and then. */
  check(nowMs: number): void {
    const { limits, keepAliveMs } = this.#settings;
    // One that was told that it is over, and stays, is cut.
    if (this.#leftMs > 0 && nowMs - this.#leftMs > farewellMs) this.#socket.destroy();
    if (this.#session.destroyed) return;
    const { sendTimeoutMs = 60_000 } = limits;
    const written = this.#socket.bytesWritten;
    if (written !== this.#writtenBytes) this.#movedMs = nowMs;
    this.#writtenBytes = written;
    const moved = nowMs - this.#movedMs < sendTimeoutMs;
    let waiting = 0;
    for (const inbound of this.#inbounds) {
      waiting += inbound.waitingBytes;
      // A window that never opens holds what was to go through it (zero-window stall).
      const stuckMs = inbound.stuckMs(nowMs);
      if (stuckMs > sendTimeoutMs && !moved) return this.#calm();
      if (stuckMs > limits.bodyTimeoutMs) inbound.cancel();
      inbound.checkBody(nowMs, limits.bodyTimeoutMs);
    }
    const read = this.#socket.bytesRead - waiting;
    if (this.#flood.check(nowMs, read, written)) return this.#calm();
    const patienceMs = this.#heard ? keepAliveMs : limits.headTimeoutMs;
    if (!this.#isBusy && nowMs - this.#idleSinceMs > patienceMs) this.#takeLeave();
  }

  /** No more streams; and when none is left, the end of the connection. */
  #takeLeave(): void {
    this.#session.close();
    if (this.#isBusy || this.#leftMs > 0) return;
    this.#leftMs = performance.now();
    this.#session.destroy();
  }

  /** Requests that are on their way already are still taken: the last one is named a round trip later. */
  drain(): void {
    if (this.#drainingSinceMs > 0 || this.#session.destroyed) return;
    this.#drainingSinceMs = performance.now();
    this.#session.goaway(noError, noLastStream);
    this.#session.ping(() => this.#takeLeave());
  }

  /** A client that does not answer the ping of its drain is told its last stream all the same. */
  closeIfDrained(nowMs: number): void {
    if (this.#drainingSinceMs === 0) return;
    if (this.#session.closed || nowMs - this.#drainingSinceMs > farewellMs) this.#takeLeave();
  }

  cut(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }
}

const ignore = (): void => {};
