import type { Socket } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import { Fault } from '#core/fault.ts';
import { HeadTooLarge, ProtocolError } from '../http1/protocol-error.ts';
import { canonicalHead, type Peer } from './canonical-head.ts';
import { Http1Inbound, type AnswerChannel } from './http1-inbound.ts';
import { renderProblem } from './problem.ts';
import type { WriteRoom } from './write-room.ts';
import {
  Http2Begun,
  http2FirstBytes,
  RequestParser,
  type ParsedRequest,
  type RequestHandler,
} from './request-parser.ts';

export interface ConnectionSettings {
  readonly maxHeadBytes: number;
  /** Shared by all connections of a thread. */
  readonly room: WriteRoom;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** How long a client may take nothing of what is ready for it. */
  readonly sendTimeoutMs: number;
  /** How long an idle connection is kept for another request. */
  readonly keepAliveMs: number;
  onExchange(inbound: Inbound): void;
  onClosed(connection: ServerConnection): void;
  /** Takes connections that begin with the preface of HTTP/2. Null: they are refused. */
  readonly onHttp2: ((leaving: LeavingConnection) => void) | null;
  /** Is the listener closing? Then every answer is its connection's last. */
  isClosing(): boolean;
}

export interface LeavingConnection {
  readonly connection: ServerConnection;
  /** Paused. */
  readonly socket: Socket;
  readonly peer: Peer;
  readonly firstBytes: Buffer;
}

/** How long we read on after an answer that came before its request's end, so that a reset does not destroy it. */
const lingerMs = 1000;

/**
 * One client's connection: HTTP/1.1, one exchange at a time. Requests that come early (pipelining, RFC 9112 §9.3.2) wait
 * unread until the answer before them is given.
 */
export class ServerConnection implements RequestHandler, AnswerChannel {
  readonly socket: Socket;
  readonly room: WriteRoom;
  readonly #settings: ConnectionSettings;
  readonly #peer: Peer;
  readonly #parser: RequestParser;
  #inbound: Http1Inbound | null = null;
  /** Came after the end of the present request. */
  #early: Buffer | null = null;
  #isLast = false;
  #reading = false;
  /** Is the present request known to whoever answers it? */
  #announced = true;
  #ignores = false;
  #upgraded = false;
  /** Is there a timer for a client that takes nothing? */
  #watched = false;
  /** When, on the clock of `performance.now`, what is awaited from the client must have come. */
  #deadlineMs: number;

  constructor(socket: Socket, peer: Peer, settings: ConnectionSettings) {
    this.socket = socket;
    this.room = settings.room;
    this.#peer = peer;
    this.#settings = settings;
    this.#parser = new RequestParser(settings.maxHeadBytes, this);
    this.#deadlineMs = performance.now() + settings.headTimeoutMs;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('error', ignore);
    socket.on('close', this.#onClose);
  }

  /** No request is under way, nor part of one. */
  get idle(): boolean {
    return this.#inbound === null && this.#parser.silent && this.#early === null;
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#ignores) return;
    if (this.#parser.complete) this.#hold(bytes);
    else this.#read(bytes);
  };

  /** A client that closes its side has hung up: what it still asked for, nobody waits for. */
  readonly #onEnd = (): void => {
    if (this.#inbound && !this.#inbound.finished) this.socket.destroy();
    else this.socket.end();
  };

  readonly #onDrain = (): void => {
    const inbound = this.#inbound;
    if (inbound?.finished) this.#release(inbound);
    else inbound?.drained();
  };

  readonly #onClose = (): void => {
    this.#ignores = true;
    this.#settings.onClosed(this);
    this.#inbound?.lost();
  };

  #read(bytes: Buffer): void {
    if (this.#parser.silent && this.#inbound === null)
      this.#deadlineMs = performance.now() + this.#settings.headTimeoutMs;
    this.#reading = true;
    try {
      const used = this.#parser.feed(bytes);
      if (this.#ignores) return;
      if (this.#parser.complete) {
        this.#deadlineMs = Infinity;
        if (used < bytes.length) this.#hold(bytes.subarray(used));
        this.#inbound?.bodyEnded();
      }
    } catch (thrown) {
      const { onHttp2 } = this.#settings;
      // Under TLS it is agreed upon in the handshake (RFC 9113 §3.2).
      if (thrown instanceof Http2Begun && onHttp2 && !this.#peer.secure)
        return this.#leaveTo(onHttp2, thrown);
      return this.#refuse(faultOf(thrown));
    } finally {
      this.#reading = false;
    }
    this.#announce();
    const inbound = this.#inbound;
    if (inbound?.finished) this.finished(inbound);
    else if (!this.#parser.complete) inbound?.holdUnread();
  }

  /** Hands a new request over, once the read it came with is dealt with. */
  #announce(): void {
    const inbound = this.#inbound;
    if (this.#announced || inbound === null) return;
    this.#announced = true;
    this.#settings.onExchange(inbound);
  }

  /** Keeps what cannot be read yet; the client is not let send more. */
  #hold(bytes: Buffer): void {
    this.#early = this.#early === null ? bytes : Buffer.concat([this.#early, bytes]);
    this.socket.pause();
  }

  onHead(request: ParsedRequest): void {
    if (request.method === 'CONNECT')
      throw new Fault('request/malformed', 'CONNECT is not offered: this is not a forward proxy.');
    const head = canonicalHead(request, this.#peer);
    const expects = expectsContinue(request);
    if (!request.keepAlive) this.#isLast = true;
    this.#deadlineMs = performance.now() + this.#settings.bodyTimeoutMs;
    this.#inbound = new Http1Inbound(this, head, {
      http11: request.http11,
      expectsContinue: expects,
      upgradable: /^websocket$/i.test(request.upgrade ?? ''),
    });
    this.#announced = false;
  }

  onBody(chunk: Buffer): void {
    this.#inbound?.bodyArrived(chunk);
  }

  decideLast(unread: boolean): boolean {
    if (unread || this.#settings.isClosing()) this.#isLast = true;
    return this.#isLast;
  }

  get requestComplete(): boolean {
    return this.#parser.complete;
  }

  /** Goes on to the next request once the client has taken most of this answer. */
  finished(inbound: Http1Inbound): void {
    // Not while its own bytes are being read: what follows them would be taken for part of them.
    if (this.#reading) return;
    if (!this.socket.writableNeedDrain || this.#isLast) this.#release(inbound);
  }

  #release(inbound: Http1Inbound): void {
    if (this.#inbound !== inbound) return;
    this.#inbound = null;
    if (this.#isLast) return this.#leave();
    this.#parser.next();
    this.#deadlineMs = performance.now() + this.#settings.keepAliveMs;
    const early = this.#early;
    this.#early = null;
    // Read it after whoever gave the answer has returned: many requests in one read must not nest.
    if (early) queueMicrotask(() => this.#readEarly(early));
    else if (this.socket.isPaused()) this.socket.resume();
  }

  #readEarly(bytes: Buffer): void {
    if (this.#ignores) return;
    this.#read(bytes);
    if (this.#early === null && this.socket.isPaused()) this.socket.resume();
  }

  /** Closes after the last answer. Unread bytes are read on for a moment (RFC 9112 §9.6). */
  #leave(): void {
    this.#ignores = true;
    this.#early = null;
    if (this.#parser.complete) return void this.socket.destroySoon();
    this.socket.end();
    this.socket.resume();
    this.#deadlineMs = performance.now() + lingerMs;
    setTimeout(() => this.socket.destroy(), lingerMs).unref();
  }

  /** Nothing can be read from this client any more. */
  #refuse(fault: Fault): void {
    const inbound = this.#inbound;
    if (inbound && this.#announced && !inbound.finished) {
      this.#isLast = true;
      this.#ignores = true;
      this.#deadlineMs = Infinity;
      return inbound.bodyFailed(fault);
    }
    this.#inbound = null;
    this.#isLast = true;
    if (!this.socket.writable) return void this.socket.destroy();
    this.socket.write(renderProblem(fault));
    this.#leave();
  }

  /** Called now and then: ends what has been waited for too long. */
  expire(nowMs: number): void {
    this.#watchSending();
    if (nowMs < this.#deadlineMs) return;
    this.#deadlineMs = Infinity;
    if (this.#ignores || this.idle) return void this.socket.destroy();
    // A body that we do not let come is not late.
    if (this.#inbound?.heldBack) this.#deadlineMs = nowMs + this.#settings.bodyTimeoutMs;
    else this.#refuse(new Fault('request/timeout', 'The request did not arrive completely in time.'));
  }

  /**
   * A timer of the socket's own, which any progress winds again, but only while something lies there to be taken: on the
   * way of the usual answer there is none.
   */
  #watchSending(): void {
    const { socket } = this;
    const waits = socket.writableLength > 0 && !this.#upgraded;
    if (waits === this.#watched) return;
    this.#watched = waits;
    socket.setTimeout(waits ? this.#settings.sendTimeoutMs : 0, cutStalled);
  }

  /** Leaves HTTP. From here on the connection belongs to the caller, but for its place in the listener's list. */
  upgrade(): { socket: Socket; firstBytes: Buffer } {
    this.#ignores = true;
    this.#upgraded = true;
    this.#watchSending();
    this.#inbound = null;
    this.#deadlineMs = Infinity;
    const { socket } = this;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('drain', this.#onDrain);
    const firstBytes = this.#early ?? Buffer.alloc(0);
    this.#early = null;
    return { socket, firstBytes };
  }

  /** Leaves for another protocol, without a word, for good. */
  #leaveTo(take: (leaving: LeavingConnection) => void, { rest }: Http2Begun): void {
    const { socket } = this.upgrade();
    socket.off('close', this.#onClose).pause();
    take({ connection: this, socket, peer: this.#peer, firstBytes: Buffer.concat([http2FirstBytes, rest]) });
  }

  /** Ends an idle connection. */
  closeIfIdle(): void {
    if (this.idle) this.socket.destroy();
  }
}

const ignore = (): void => {};

function cutStalled(this: Socket): void {
  this.destroy();
}

/** @throws Fault for an expectation that cannot be met (RFC 9110 §10.1.1). */
function expectsContinue({ rawHeaders, http11 }: ParsedRequest): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i] !== 'expect') continue;
    if (rawHeaders[i + 1]!.toLowerCase() === '100-continue') return http11;
    throw new Fault('request/expectation', 'The Expect header asks for something other than 100-continue.');
  }
  return false;
}

function faultOf(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof HeadTooLarge)
    return new Fault('request/headers-too-large', 'The header block is larger than this gateway allows.');
  if (thrown instanceof ProtocolError) {
    const message = `A request of HTTP/1.1 was expected, but what came has ${thrown.message}.`;
    return new Fault('request/malformed', message, { cause: thrown });
  }
  throw thrown;
}
