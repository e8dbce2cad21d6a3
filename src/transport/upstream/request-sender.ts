import type { BodySink, UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { Connection } from './connection.ts';

/** Requests up to this size are copied into one piece with their head. */
const joinBytes = 16 * 1024;
/** Larger bodies go out in pieces, so that their progress shows and an early answer stops them. */
const pieceBytes = 256 * 1024;

/** Puts one request on its connection, at the pace at which the upstream reads. */
export class RequestSender implements BodySink {
  readonly #connection: Connection;
  readonly #body: UpstreamRequest['body'];
  readonly #onFault: (fault: Fault) => void;
  #at = 0;
  #left = 0;
  #blocked = false;
  #stopped = false;
  /** Everything has been handed to the connection. */
  ended = false;

  constructor(connection: Connection, body: UpstreamRequest['body'], onFault: (fault: Fault) => void) {
    this.#connection = connection;
    this.#body = body;
    this.#onFault = onFault;
  }

  begin(head: string): void {
    const body = this.#body;
    const connection = this.#connection;
    if (body === null || (Buffer.isBuffer(body) && body.length === 0)) {
      this.ended = true;
      connection.write(head);
    } else if (Buffer.isBuffer(body) && body.length <= joinBytes) {
      const bytes = Buffer.allocUnsafe(head.length + body.length);
      bytes.write(head, 0, 'latin1');
      body.copy(bytes, head.length);
      this.ended = true;
      connection.write(bytes);
    } else {
      // What the body has ready leaves together with the head.
      connection.cork();
      connection.write(head);
      if (Buffer.isBuffer(body)) this.#sendPieces(body);
      else {
        this.#left = body.lengthBytes ?? 0;
        body.open(this);
      }
      connection.uncork();
    }
  }

  /** What the body gives from now on is thrown away. */
  stop(): void {
    this.#stopped = true;
  }

  onDrain(): void {
    const body = this.#body;
    if (!this.#blocked || this.#stopped || body === null) return;
    this.#blocked = false;
    if (Buffer.isBuffer(body)) this.#sendPieces(body);
    else if (!this.ended) body.resume();
  }

  onData(chunk: Buffer): void {
    const body = this.#body;
    if (this.#stopped || body === null || Buffer.isBuffer(body) || chunk.length === 0) return;
    const flows = body.lengthBytes === null ? this.#sendChunk(chunk) : this.#sendCounted(chunk);
    if (flows || this.#blocked || this.#stopped) return;
    this.#blocked = true;
    body.pause();
  }

  onEnd(): void {
    const body = this.#body;
    if (this.#stopped || this.ended || body === null || Buffer.isBuffer(body)) return;
    if (body.lengthBytes === null) this.#connection.write('0\r\n\r\n');
    else if (this.#left > 0) return this.onFault(wrongLength(body.lengthBytes, 'shorter'));
    this.ended = true;
  }

  onFault(fault: Fault): void {
    if (this.#stopped || this.ended) return;
    this.#stopped = true;
    this.#onFault(fault);
  }

  #sendPieces(body: Buffer): void {
    while (!this.#blocked && this.#at < body.length) {
      const piece = body.subarray(this.#at, this.#at + pieceBytes);
      this.#at += piece.length;
      this.#blocked = !this.#connection.write(piece);
    }
    this.ended = this.#at >= body.length;
  }

  #sendCounted(chunk: Buffer): boolean {
    this.#left -= chunk.length;
    if (this.#left >= 0) return this.#connection.write(chunk);
    this.onFault(wrongLength((this.#body as { lengthBytes: number }).lengthBytes, 'longer'));
    return false;
  }

  #sendChunk(chunk: Buffer): boolean {
    const connection = this.#connection;
    connection.cork();
    connection.write(`${chunk.length.toString(16)}\r\n`);
    connection.write(chunk);
    const flows = connection.write('\r\n');
    connection.uncork();
    return flows;
  }
}

const wrongLength = (announced: number, how: 'shorter' | 'longer') =>
  new Fault('request/malformed', `The body is ${how} than the ${announced} bytes it was announced with.`, {
    field: 'content-length',
  });
