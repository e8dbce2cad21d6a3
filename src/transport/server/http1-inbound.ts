import type { Socket } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySink, BodySource, RawSocket } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList, RequestHead } from '#core/head.ts';
import { readWhole } from './read-whole.ts';
import { renderResponseHead } from './response-head.ts';
import type { WriteRoom } from './write-room.ts';

/** What an answer needs of the connection it goes out on. */
export interface AnswerChannel {
  readonly socket: Socket;
  readonly room: WriteRoom;
  /** The request was read to its end. */
  readonly requestComplete: boolean;
  /** Is the answer about to be given the connection's last? Asked once, when its head is made. */
  decideLast(unread: boolean): boolean;
  /** The answer is given. */
  finished(inbound: Http1Inbound): void;
  /** Leaves HTTP and hands the connection over. */
  upgrade(): { readonly socket: Socket; readonly firstBytes: Buffer };
}

export interface RequestTraits {
  readonly http11: boolean;
  readonly expectsContinue: boolean;
  /** The client would change to a protocol that can be relayed. */
  readonly upgradable: boolean;
}

/** A body up to this size is sent together with its head, in one piece. */
const joinedBytes = 64 * 1024;
const crlf = '\r\n';
const keepAlive = 'connection: keep-alive\r\nkeep-alive: timeout=75\r\n\r\n';
const lastChunk = '0\r\n\r\n';

/** Where an answer's body ends: there is none, after a length, by chunks, or with the connection (HTTP/1.0). */
type Framing = 'none' | 'length' | 'chunked' | 'close';

/** One request on a client's connection, and the answer to it. */
export class Http1Inbound implements Inbound, BodySource {
  readonly head: RequestHead;
  begun = false;
  gone = false;
  /** The answer is given as a whole. */
  finished = false;
  bytesOut = 0;

  readonly #connection: AnswerChannel;
  readonly #traits: RequestTraits;
  #goneListener: (() => void) | null = null;
  #drainListener: (() => void) | null = null;
  #framing: Framing = 'none';
  #lengthLeft = 0;
  /** Of the request's body: what came before somebody wanted it. */
  #waiting: Buffer[] = [];
  #sink: BodySink | null = null;
  #opened = false;
  #bodyOver: 'end' | Fault | null = null;
  #paused = false;

  constructor(connection: AnswerChannel, head: RequestHead, traits: RequestTraits) {
    this.#connection = connection;
    this.head = head;
    this.#traits = traits;
  }

  // The request's body.

  get body(): BodySource {
    return this;
  }

  get lengthBytes(): number | null {
    return this.head.contentLength;
  }

  open(sink: BodySink): void {
    if (this.#opened) throw new Error('the body of a request can be read once');
    this.#opened = true;
    this.#sink = sink;
    if (this.#traits.expectsContinue && !this.begun && !this.gone)
      this.#connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) sink.onData(chunk);
    this.#endSink();
    if (!this.#paused && !this.#connection.requestComplete) this.#connection.socket.resume();
  }

  pause(): void {
    this.#paused = true;
    if (!this.#connection.requestComplete) this.#connection.socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#connection.requestComplete) this.#connection.socket.resume();
  }

  readBody(limitBytes: number): Promise<Buffer> {
    return readWhole(this, limitBytes);
  }

  /** Is it we who keep the body from coming? */
  get heldBack(): boolean {
    return !this.#opened || this.#paused;
  }

  /** From the connection: payload has come. */
  bodyArrived(chunk: Buffer): void {
    if (this.#sink) this.#sink.onData(chunk);
    else if (!this.finished) this.#waiting.push(chunk);
  }

  /** From the connection: a read is done, and more is to come. Without a taker it has to wait. */
  holdUnread(): void {
    if (!this.#opened && this.#waiting.length > 0 && !this.finished) this.#connection.socket.pause();
  }

  /** From the connection. */
  bodyEnded(): void {
    this.#bodyOver = 'end';
    this.#endSink();
  }

  /** From the connection: the rest of the body cannot be read. */
  bodyFailed(fault: Fault): void {
    this.#bodyOver = fault;
    this.#endSink();
  }

  #endSink(): void {
    const sink = this.#sink;
    if (!sink || this.#bodyOver === null) return;
    this.#sink = null;
    if (this.#bodyOver === 'end') sink.onEnd();
    else sink.onFault(this.#bodyOver);
  }

  // The answer.

  onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  /** From the connection: it is closed. */
  lost(): void {
    if (this.finished) return;
    this.gone = true;
    if (this.#bodyOver === null)
      this.bodyFailed(new Fault('client/gone', 'The client hung up while it sent the body.'));
    this.#goneListener?.();
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  /** From the connection: it takes more. */
  drained(): void {
    this.#drainListener?.();
  }

  interim(status: number, headers: HeaderList): void {
    if (this.begun || this.gone || !this.#traits.http11 || status === 101) return;
    this.#connection.socket.write(renderResponseHead(status, headers) + crlf, 'latin1');
  }

  respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    const { socket, room } = this.#connection;
    const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const isBodiless = status === 204 || status === 304;
    const length = isBodiless ? '' : `content-length: ${bytes}\r\n`;
    const head = renderResponseHead(status, headers) + length + this.#closing();
    const given = isBodiless || this.head.method === 'HEAD' ? null : body;
    this.bytesOut = given === null ? 0 : bytes;
    if (given === null || bytes === 0) socket.write(head, 'latin1');
    else if (bytes <= joinedBytes) room.joined(socket, head, given, bytes);
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(given);
      socket.uncork();
    }
    this.#finish();
  }

  begin(status: number, headers: HeaderList): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    let framing = '';
    if (status === 204 || status === 304 || this.head.method === 'HEAD') this.#framing = 'none';
    else {
      const length = lengthOf(headers);
      if (length !== null) {
        this.#framing = 'length';
        this.#lengthLeft = length;
      } else if (this.#traits.http11) {
        this.#framing = 'chunked';
        framing = 'transfer-encoding: chunked\r\n';
      } else this.#framing = 'close';
    }
    this.#connection.socket.write(renderResponseHead(status, headers) + framing + this.#closing(), 'latin1');
  }

  write(chunk: Buffer | string): boolean {
    if (this.gone || this.finished || this.#framing === 'none') return true;
    const bytes = typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    if (bytes === 0) return true;
    this.bytesOut += bytes;
    const { socket, room } = this.#connection;
    if (this.#framing === 'chunked') return room.chunk(socket, chunk, bytes);
    if (this.#framing === 'length') {
      this.#lengthLeft -= bytes;
      // Bytes beyond the announced length would be read as the next answer.
      if (this.#lengthLeft < 0) {
        socket.destroy();
        return true;
      }
    }
    return room.plain(socket, chunk, bytes);
  }

  end(complete = true, trailers: HeaderList = []): void {
    if (this.gone || this.finished) return;
    const { socket } = this.#connection;
    if (!complete || this.#lengthLeft > 0) {
      // Where only the close ends a body, an orderly one would pretend that it is whole.
      if (this.#framing === 'close') socket.resetAndDestroy();
      else socket.destroy();
      return;
    }
    if (this.#framing === 'chunked')
      socket.write(trailers.length ? renderTrailers(trailers) : lastChunk, 'latin1');
    this.#finish();
  }

  upgrade(headers: HeaderList): { socket: RawSocket; firstBytes: Buffer } | null {
    if (!this.#traits.upgradable || this.begun || this.gone) return null;
    this.begun = true;
    this.finished = true;
    const { socket, firstBytes } = this.#connection.upgrade();
    socket.write(renderResponseHead(101, headers) + crlf, 'latin1');
    return { socket, firstBytes };
  }

  #finish(): void {
    this.finished = true;
    this.#waiting = [];
    this.#connection.finished(this);
  }

  /** The end of the head: whether the connection stays. */
  #closing(): string {
    // After a request that was not read to its end the next one cannot be found; nor after a refused upgrade.
    const unread = !this.#connection.requestComplete || this.#traits.upgradable;
    const closes = this.#connection.decideLast(unread) || this.#framing === 'close';
    return closes ? 'connection: close\r\n\r\n' : keepAlive;
  }
}

function lengthOf(headers: HeaderList): number | null {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === 'content-length') return Number(headers[i + 1]);
  return null;
}

function renderTrailers(trailers: HeaderList): string {
  let text = '0\r\n';
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return text + crlf;
}
