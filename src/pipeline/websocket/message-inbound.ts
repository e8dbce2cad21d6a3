import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySource } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList, type RequestHead } from '#core/head.ts';
import { serverSentEvents } from '#core/sse.ts';

export interface MessageAnswer {
  /** The data of one event. False: stop until the next drain. */
  onEvent(data: string): boolean;
  /** What is no stream. */
  onWhole(status: number, headers: HeaderList, body: string): void;
  /** The answer broke off. */
  onBroken(): void;
}

/** About the connection, or said anew for each call. */
const notOfCalls = new Set([
  'connection',
  'upgrade',
  'content-type',
  'content-length',
  'accept',
  'accept-encoding',
  'origin',
  // It names one call, and this is many.
  'idempotency-key',
]);

/** The head of a call that came over a WebSocket, by the WebSocket's own: as if it had been posted to the same path. */
export function callHead(head: RequestHead, bodyBytes: number): RequestHead {
  const headers = ['content-type', 'application/json', 'accept', 'text/event-stream'];
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!;
    if (!notOfCalls.has(name) && !name.startsWith('sec-websocket-')) headers.push(name, head.headers[i + 1]!);
  }
  return { ...head, method: 'POST', upgrade: null, contentLength: bodyBytes, headers };
}

/** One call that came as a message, to be handled like a request; its answer's events become messages. */
export class MessageInbound implements Inbound {
  readonly head: RequestHead;
  readonly body: BodySource;
  begun = false;
  gone = false;
  bytesOut = 0;
  readonly #bytes: Buffer;
  readonly #answer: MessageAnswer;
  #finished = false;
  /** Of the stream: what is not a whole event yet, one character for each byte. */
  #rest = '';
  #hasCr = false;
  #goneListener: (() => void) | null = null;
  #drainListener: (() => void) | null = null;

  constructor(head: RequestHead, bytes: Buffer, answer: MessageAnswer) {
    this.head = callHead(head, bytes.length);
    this.#bytes = bytes;
    this.#answer = answer;
    this.body = {
      lengthBytes: bytes.length,
      open(sink) {
        sink.onData(bytes);
        sink.onEnd();
      },
      pause() {},
      resume() {},
    };
  }

  readBody(limitBytes: number): Promise<Buffer> {
    if (this.#bytes.length <= limitBytes) return Promise.resolve(this.#bytes);
    const message = `The call is larger than the ${limitBytes} bytes this route allows.`;
    return Promise.reject(new Fault('request/body-too-large', message));
  }

  onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  /** The WebSocket is closing. */
  lost(): void {
    if (this.#finished || this.gone) return;
    this.gone = true;
    this.#goneListener?.();
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  drained(): void {
    this.#drainListener?.();
  }

  interim(): void {}

  respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    const bytes = Buffer.from(body ?? '');
    if (status < 300 && headerOf(headers, 'content-type')?.startsWith('text/event-stream')) this.write(bytes);
    else {
      this.bytesOut += bytes.length;
      this.#answer.onWhole(status, headers, bytes.toString('utf8'));
    }
    this.#finished = true;
  }

  begin(): void {
    this.begun = true;
  }

  write(chunk: Buffer | string): boolean {
    if (this.gone || this.#finished) return true;
    const text = typeof chunk === 'string' ? Buffer.from(chunk).toString('latin1') : chunk.toString('latin1');
    this.bytesOut += text.length;
    this.#rest += text;
    this.#hasCr ||= text.includes('\r');
    let goesOn = true;
    let at = 0;
    for (
      let end = serverSentEvents.endOf(this.#rest, at, this.#hasCr);
      end > 0;
      end = serverSentEvents.endOf(this.#rest, at, this.#hasCr)
    ) {
      const { data } = serverSentEvents.parse(
        Buffer.from(this.#rest.slice(at, end), 'latin1').toString('utf8'),
      );
      if (data !== '') goesOn = this.#answer.onEvent(data) && goesOn;
      at = end;
    }
    if (at > 0) this.#rest = this.#rest.slice(at);
    return goesOn;
  }

  end(complete = true): void {
    if (this.gone || this.#finished) return;
    this.#finished = true;
    if (!complete) this.#answer.onBroken();
  }

  upgrade(): null {
    return null;
  }
}
