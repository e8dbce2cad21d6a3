import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { BodySink, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom, type Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Timeouts } from '#core/target.ts';
import { ambiguousFault, closedFault, unsentFault } from '../connection-fault.ts';
import { timeoutFault } from '../timeout-fault.ts';
import type { Http2Session } from './http2-session.ts';

export interface Http2CallHost {
  nowMs(): number;
  /** A session is to be found for the call, which is then given to `sendOn`. */
  seek(call: Http2Call): void;
  over(call: Http2Call): void;
}

// RFC 9113 §7.
const noError = 0;
const endStream = 1;
const refusedStream = 7;
const cancelled = 8;

const isConnecting = 0;
const isSending = 1;
const isWaiting = 2;
const isAnswering = 3;
const isOver = 4;

/** One request over a session, from its first byte to the last of its answer. */
export class Http2Call implements UpstreamCall, BodySink {
  readonly request: UpstreamRequest;
  readonly #fields: OutgoingHttpHeaders;
  readonly #sink: UpstreamSink;
  readonly #host: Http2CallHost;
  readonly #startedMs: number;
  #session: Http2Session | null = null;
  #stream: ClientHttp2Stream | null = null;
  #phase = isConnecting;
  /** When the present phase began or something last moved; 0: since the clock was last looked at. */
  #movedMs: number;
  #pendingBytes = 0;
  #paused = false;
  #bodyPaused = false;
  #bodyOpened = false;
  #repeated = false;
  #cancelled = false;
  #trailers: HeaderList = [];

  constructor(
    request: UpstreamRequest,
    fields: OutgoingHttpHeaders,
    parts: { sink: UpstreamSink; host: Http2CallHost },
  ) {
    this.request = request;
    this.#fields = fields;
    this.#sink = parts.sink;
    this.#host = parts.host;
    this.#startedMs = this.#movedMs = parts.host.nowMs();
  }

  get waits(): boolean {
    return this.#phase === isConnecting;
  }

  sendOn(session: Http2Session): void {
    const { body } = this.request;
    this.#session = session;
    this.#phase = isSending;
    this.#movedMs = 0;
    let stream: ClientHttp2Stream;
    try {
      stream = session.open(this.#fields, { endStream: body === null });
    } catch (error) {
      // Nothing of it has left.
      return this.#fail(unsentFault(closedFault(session.origin, error as Error)));
    }
    this.#stream = stream;
    stream.on('error', ignore);
    stream.on('response', (fields, flags, raw) => {
      this.#onHead(fields[':status'] ?? 0, raw as never, (flags & endStream) !== 0);
    });
    stream.on('headers', (fields, _flags, raw) => this.#onInterim(fields[':status'] ?? 0, raw as never));
    stream.on('trailers', (_fields, _flags, raw) => (this.#trailers = fieldsOf(raw as never)));
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('end', () => this.#onEnd());
    stream.on('close', () => this.#onClose(stream));
    stream.on('drain', () => this.#onDrain());
    if (this.#paused) stream.pause();
    if (body === null) this.#phase = isWaiting;
    else if (Buffer.isBuffer(body)) stream.end(body);
    else {
      this.#bodyOpened = true;
      try {
        body.open(this);
      } catch (thrown) {
        // A bug of whoever gives the body.
        this.#fail(faultFrom(thrown));
      }
    }
  }

  connectFailed(fault: Fault): void {
    this.#fail(fault);
  }

  // The request's body.

  onData(chunk: Buffer): void {
    const stream = this.#stream;
    if (this.#phase === isOver || !stream || stream.writableEnded || stream.destroyed) return;
    this.#movedMs = 0;
    if (stream.write(chunk) || this.#bodyPaused) return;
    this.#bodyPaused = true;
    (this.request.body as { pause(): void }).pause();
  }

  onEnd(): void {
    if (this.#phase !== isOver) this.#stream?.end();
  }

  onFault(fault: Fault): void {
    this.#fail(fault);
  }

  #onDrain(): void {
    this.#movedMs = 0;
    if (!this.#bodyPaused || this.#phase === isOver) return;
    this.#bodyPaused = false;
    (this.request.body as { resume(): void }).resume();
  }

  // The answer.

  #onInterim(status: number, raw: readonly string[]): void {
    this.#movedMs = 0;
    if (this.#phase !== isOver && status > 100) this.#sink.onInterim?.(status, fieldsOf(raw));
  }

  #onHead(status: number, raw: readonly string[], isWhole: boolean): void {
    this.#movedMs = 0;
    if (this.#phase === isOver) return;
    this.#phase = isAnswering;
    const headers = fieldsOf(raw);
    // Said by the frame, and by a length to whoever sees no frames.
    const isEmpty =
      isWhole && this.request.method !== 'HEAD' && headerOf(headers, 'content-length') === undefined;
    this.#sink.onHead(status, isEmpty ? [...headers, 'content-length', '0'] : headers);
  }

  #onData(chunk: Buffer): void {
    this.#movedMs = 0;
    if (this.#phase !== isOver) this.#sink.onData(chunk);
  }

  #onEnd(): void {
    const stream = this.#stream!;
    // A stream that was reset ends as well.
    if (this.#phase !== isAnswering || stream.rstCode !== noError) return;
    this.#end();
    // What is not sent yet of the request is not wanted any more (RFC 9113 §8.1).
    if (!stream.writableEnded) stream.close(noError);
    this.#sink.onEnd(this.#trailers);
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#phase === isOver || this.#stream !== stream) return;
    const { origin } = this.request;
    const code = stream.rstCode ?? noError;
    const error =
      code === noError || this.#session!.closed ? null : new Error(`stream reset with code ${code}`);
    const fault = closedFault(origin, error);
    if (this.#phase === isAnswering) return this.#fail(fault);
    const { body, idempotent } = this.request;
    const isUnsent = code === refusedStream || stream.pending || this.#session!.refused(stream);
    if (!isUnsent) return this.#fail(idempotent ? fault : ambiguousFault(fault));
    const repeatable = body === null || Buffer.isBuffer(body) || !this.#bodyOpened;
    // Not looked at, by the peer's own word: whatever it is, it may be sent anew.
    if (!repeatable || this.#repeated) return this.#fail(unsentFault(fault));
    this.#repeated = true;
    this.#stream = null;
    this.#phase = isConnecting;
    this.#movedMs = 0;
    this.#host.seek(this);
  }

  pause(): void {
    if (this.#phase === isOver) return;
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#phase === isOver) return;
    this.#paused = false;
    this.#movedMs = 0;
    this.#stream?.resume();
  }

  cancel(): void {
    this.#cancelled = true;
    if (this.#phase === isOver) return;
    this.#end();
    this.#stream?.close(cancelled);
  }

  /** Called now and then: what has stood still for too long is ended. Exact to one such interval, and never early. */
  checkTime(nowMs: number): void {
    const { timeouts } = this.request;
    if (timeouts.totalMs > 0 && nowMs - this.#startedMs > timeouts.totalMs) return this.#timeOut('totalMs');
    if (this.#phase === isSending) this.#watchSending();
    if (this.#movedMs === 0) this.#movedMs = nowMs;
    const name = this.#runningTimeout();
    if (name !== null && timeouts[name] > 0 && nowMs - this.#movedMs > timeouts[name]) this.#timeOut(name);
  }

  #runningTimeout(): keyof Timeouts | null {
    if (this.#phase === isConnecting) return 'connectMs';
    // Who does not read cannot know whether the upstream is silent.
    if (this.#paused) {
      this.#movedMs = 0;
      return null;
    }
    return this.#phase === isWaiting ? 'responseHeaderMs' : 'idleMs';
  }

  /** The upstream stands still only when bytes wait for it; otherwise the request's own sender does. */
  #watchSending(): void {
    const stream = this.#stream!;
    const pending = stream.writableLength;
    if (pending === 0 || pending !== this.#pendingBytes) this.#movedMs = 0;
    this.#pendingBytes = pending;
    if (stream.writableFinished) this.#phase = isWaiting;
  }

  #timeOut(name: keyof Timeouts): void {
    this.#fail(timeoutFault(name, this.request.timeouts[name], this.request.origin));
  }

  #fail(fault: Fault): void {
    if (this.#phase === isOver) return;
    this.#end();
    this.#stream?.close(cancelled);
    // Always later than whatever led here.
    setImmediate(() => {
      if (!this.#cancelled) this.#sink.onFault(fault);
    });
  }

  #end(): void {
    this.#phase = isOver;
    this.#host.over(this);
  }
}

/** Names in lower case as they came; pseudo-fields are not headers. */
function fieldsOf(raw: readonly string[]): HeaderList {
  const list: string[] = [];
  for (let i = 0; i < raw.length; i += 2) if (!raw[i]!.startsWith(':')) list.push(raw[i]!, raw[i + 1]!);
  return list;
}

const ignore = (): void => {};
