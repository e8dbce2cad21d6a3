import type { ServerHttp2Stream } from 'node:http2';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySink, BodySource, RawSocket } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList, type RequestHead } from '#core/head.ts';
import { readWhole } from '../read-whole.ts';
import { answerFields, trailerFields } from './answer-fields.ts';

/** What a stream tells its connection. */
export interface StreamHost {
  /** Of the request's body. */
  received(bytes: number): void;
  /** The stream ended before its answer was given. */
  endedEarly(): void;
  left(inbound: Http2Inbound, unreadBytes: number): void;
}

export interface StreamStart {
  readonly head: RequestHead;
  readonly bodiless: boolean;
  /** When the body must have come, on the clock of `performance.now`. */
  readonly deadlineMs: number;
}

// RFC 9113 §7.
const noError = 0;
const internalError = 2;
const cancelled = 8;
const noBytes = Buffer.alloc(0);
/** A whole answer leaves in such pieces: what waits in the library counts against its connection's memory. */
const pieceBytes = 256 * 1024;

/** One stream of HTTP/2: a request and the answer to it. */
export class Http2Inbound implements Inbound, BodySource {
  readonly head: RequestHead;
  begun = false;
  gone = false;
  bytesOut = 0;
  requestComplete: boolean;

  readonly #stream: ServerHttp2Stream;
  readonly #host: StreamHost;
  #finished = false;
  #goneListener: (() => void) | null = null;
  #drainListener: (() => void) | null = null;
  #sink: BodySink | null = null;
  #opened = false;
  #paused = false;
  #bodyOver: 'end' | Fault | null = null;
  #deadlineMs: number;
  /** Since when the client takes nothing of what waits for it; 0: it does. */
  #stuckSinceMs = 0;
  /** Bytes of body still to come, where a length was announced. */
  #lengthLeft = -1;
  #bodiless = false;
  #trailers: HeaderList = [];
  /** Of a whole answer: what has not been handed over. */
  #rest: Buffer | null = null;

  constructor(stream: ServerHttp2Stream, host: StreamHost, { head, bodiless, deadlineMs }: StreamStart) {
    this.#stream = stream;
    this.#host = host;
    this.head = head;
    this.requestComplete = bodiless;
    this.#deadlineMs = bodiless ? Infinity : deadlineMs;
    if (bodiless) this.#bodyOver = 'end';
    stream.on('drain', this.#onDrain);
    stream.on('aborted', this.#lost);
    stream.on('close', this.#onClose);
    stream.on('wantTrailers', this.#onWantTrailers);
    stream.on('finish', this.#onFinish);
    // Without a body nothing is to be waited for; without reading, the end of it would never come.
    if (bodiless && head.upgrade === null) stream.resume();
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
    if (this.#bodyOver !== null) return this.#endSink();
    const stream = this.#stream;
    if (headerOf(this.head.headers, 'expect') !== undefined && !this.begun && !stream.closed)
      stream.additionalHeaders({ ':status': 100 });
    stream.on('data', this.#onData);
    stream.on('end', this.#onEnd);
    if (this.#paused) stream.pause();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#host.received(chunk.length);
    this.#sink?.onData(chunk);
  };

  readonly #onEnd = (): void => {
    // A stream that was reset ends too; what came of its body is not the whole.
    if (this.#stream.closed && this.#stream.rstCode !== noError) return;
    this.requestComplete = true;
    this.#deadlineMs = Infinity;
    this.#bodyOver ??= 'end';
    this.#endSink();
  };

  pause(): void {
    this.#paused = true;
    if (!this.requestComplete) this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.requestComplete && this.#opened) this.#stream.resume();
  }

  readBody(limitBytes: number): Promise<Buffer> {
    return readWhole(this, limitBytes);
  }

  #fail(fault: Fault): void {
    this.#bodyOver ??= fault;
    this.#endSink();
  }

  #endSink(): void {
    const sink = this.#sink;
    if (!sink || this.#bodyOver === null) return;
    this.#sink = null;
    if (this.#bodyOver === 'end') sink.onEnd();
    else sink.onFault(this.#bodyOver);
  }

  /** Came, and waits for somebody to take it. */
  get waitingBytes(): number {
    return this.#stream.readableLength;
  }

  /** Ends the wait for a body that is late; one that we do not let come is not. */
  checkBody(nowMs: number, timeoutMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    if (!this.#opened || this.#paused) this.#deadlineMs = nowMs + timeoutMs;
    else {
      this.#deadlineMs = Infinity;
      this.#fail(new Fault('request/timeout', 'The request did not arrive completely in time.'));
    }
  }

  /** How long the client has taken nothing of what waits for it; a piece half taken is one not taken. */
  stuckMs(nowMs: number): number {
    if (this.#stream.writableLength === 0) this.#stuckSinceMs = 0;
    else if (this.#stuckSinceMs === 0) this.#stuckSinceMs = nowMs;
    return this.#stuckSinceMs === 0 ? 0 : nowMs - this.#stuckSinceMs;
  }

  /** Lets go of a client that does not take its answer. */
  cancel(): void {
    this.#finished = false;
    this.#stream.close(cancelled);
  }

  // The answer.

  onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  readonly #onDrain = (): void => {
    this.#stuckSinceMs = 0;
    if (this.#rest) this.#sendRest();
    else if (!this.#finished) this.#drainListener?.();
  };

  #sendRest(): void {
    while (this.#rest) {
      const piece = this.#rest.subarray(0, pieceBytes);
      this.#rest = piece.length < this.#rest.length ? this.#rest.subarray(pieceBytes) : null;
      if (this.#rest === null) this.#stream.end(piece);
      else if (!this.#stream.write(piece)) return;
    }
  }

  readonly #lost = (): void => {
    if (this.#finished || this.gone) return;
    this.gone = true;
    this.#fail(new Fault('client/gone', 'The client hung up while it sent the body.'));
    this.#goneListener?.();
    this.#host.endedEarly();
  };

  readonly #onClose = (): void => {
    const unread = this.#stream.readableLength;
    this.#rest = null;
    this.#lost();
    this.#host.left(this, unread);
  };

  interim(status: number, headers: HeaderList): void {
    if (this.begun || this.gone || status === 101 || this.#stream.closed) return;
    this.#stream.additionalHeaders({ ...answerFields(headers), ':status': status });
  }

  respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    this.#finished = true;
    const fields = answerFields(headers);
    const bytes = body === null ? 0 : Buffer.byteLength(body);
    // Without a body the head is the end: its length needs no saying.
    if (body !== null && !isBodiless(status)) fields['content-length'] = bytes;
    fields[':status'] = status;
    const given = isBodiless(status) || this.head.method === 'HEAD' || bytes === 0 ? null : body;
    this.#stream.respond(fields, { endStream: given === null });
    if (given === null) return;
    this.bytesOut = bytes;
    if (bytes <= pieceBytes) return void this.#stream.end(given);
    this.#rest = typeof given === 'string' ? Buffer.from(given) : given;
    this.#sendRest();
  }

  begin(status: number, headers: HeaderList): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    const fields = answerFields(headers);
    fields[':status'] = status;
    this.#bodiless = isBodiless(status) || this.head.method === 'HEAD';
    const length = headerOf(headers, 'content-length');
    if (length !== undefined && !this.#bodiless) this.#lengthLeft = Number(length);
    // The end of an answer waits until it is allowed: trailers may come with it, or it may be broken off.
    if (this.#bodiless) this.#stream.respond(fields, { endStream: true });
    else this.#stream.respond(fields, { waitForTrailers: true });
  }

  write(chunk: Buffer | string): boolean {
    if (this.gone || this.#finished || this.#bodiless || chunk.length === 0) return true;
    const bytes = Buffer.byteLength(chunk);
    this.bytesOut += bytes;
    if (this.#lengthLeft >= 0 && (this.#lengthLeft -= bytes) < 0) {
      // More than was announced is no answer (RFC 9113 §8.1.1).
      this.#break();
      return true;
    }
    // Lent: the library keeps what it is given until it has left.
    return this.#stream.write(typeof chunk === 'string' ? chunk : Buffer.from(chunk));
  }

  end(complete = true, trailers: HeaderList = []): void {
    if (this.gone || this.#finished) return;
    if (!complete || this.#lengthLeft > 0) return this.#break();
    this.#finished = true;
    this.#trailers = trailers;
    this.#stream.end();
  }

  /** No client can take what came for the whole. */
  #break(): void {
    this.#stream.close(internalError);
  }

  readonly #onWantTrailers = (): void => {
    if (this.#finished && !this.#stream.closed)
      this.#stream.sendTrailers(this.#trailers.length > 0 ? trailerFields(this.#trailers) : {});
  };

  /** All of the answer is handed over. A body that nobody will read is not wanted any more (RFC 9113 §8.1). */
  readonly #onFinish = (): void => {
    if (this.requestComplete || this.#stream.closed) return;
    if (this.#trailers.length === 0) this.#stream.close(noError);
  };

  /** RFC 8441 §5: what is 101 in HTTP/1.1 is 200 here, and the stream is the connection. */
  upgrade(headers: HeaderList): { socket: RawSocket; firstBytes: Buffer } | null {
    if (this.head.upgrade === null || this.begun || this.gone || this.#stream.closed) return null;
    this.begun = true;
    this.#finished = true;
    const fields = answerFields(headers);
    delete fields['sec-websocket-accept'];
    fields[':status'] = 200;
    this.#stream.respond(fields);
    return { socket: this.#stream, firstBytes: noBytes };
  }
}

const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304;
