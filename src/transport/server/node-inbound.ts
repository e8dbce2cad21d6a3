import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySink, BodySource, RawSocket } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList, RequestHead } from '#core/head.ts';

export interface UpgradeParts {
  readonly socket: Duplex;
  readonly firstBytes: Buffer;
}

/** A request of Node's HTTP/1.1 server. */
export class NodeInbound implements Inbound {
  readonly head: RequestHead;
  readonly body: BodySource;
  begun = false;
  gone = false;
  bytesOut = 0;

  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #upgrade: UpgradeParts | null;
  readonly #expectsContinue: boolean;
  #closing: () => boolean;
  #goneListener: (() => void) | null = null;
  #bodyStarted = false;
  #upgraded = false;

  constructor(
    parts: {
      request: IncomingMessage;
      response: ServerResponse;
      upgrade: UpgradeParts | null;
      expectsContinue: boolean;
    },
    head: RequestHead,
    closing: () => boolean,
  ) {
    this.head = head;
    this.#request = parts.request;
    this.#response = parts.response;
    this.#upgrade = parts.upgrade;
    this.#expectsContinue = parts.expectsContinue;
    this.#closing = closing;
    this.body = this.#source();
    parts.response.on('close', () => {
      if (parts.response.writableFinished || this.#upgraded) return;
      this.gone = true;
      this.#goneListener?.();
    });
    parts.response.on('error', () => {});
  }

  onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  readBody(limitBytes: number): Promise<Buffer> {
    const announced = this.head.contentLength;
    if (announced === 0) return Promise.resolve(Buffer.alloc(0));
    return new Promise((resolve, reject) => {
      if (announced !== null && announced > limitBytes) return reject(tooLarge(limitBytes));
      const chunks: Buffer[] = [];
      let length = 0;
      const sink: BodySink = {
        onData: (chunk) => {
          length += chunk.length;
          if (length <= limitBytes) return void chunks.push(chunk);
          this.#request.pause();
          reject(tooLarge(limitBytes));
        },
        onEnd: () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)),
        onFault: reject,
      };
      this.body.open(sink);
    });
  }

  interim(status: number, headers: HeaderList): void {
    if (this.begun || this.gone) return;
    if (status === 103) {
      const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
      for (let i = 0; i < headers.length; i += 2) (fields[headers[i]!] ??= []).push(headers[i + 1]!);
      if (fields['link']) this.#response.writeEarlyHints(fields);
    }
  }

  respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const bodiless = status === 204 || status === 304;
    const fields = [...headers];
    if (!bodiless) fields.push('content-length', String(bytes));
    this.#closeIfNeeded(fields);
    this.#response.writeHead(status, fields);
    this.bytesOut = bodiless ? 0 : bytes;
    if (body === null || bodiless) this.#response.end();
    else this.#response.end(body);
  }

  begin(status: number, headers: HeaderList): void {
    if (this.begun || this.gone) return;
    this.begun = true;
    const fields = [...headers];
    this.#closeIfNeeded(fields);
    this.#response.writeHead(status, fields);
  }

  write(chunk: Buffer | string): boolean {
    if (this.gone) return true;
    this.bytesOut += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    return this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  end(complete = true, trailers: HeaderList = []): void {
    if (this.gone) return;
    if (!complete) {
      this.#response.destroy();
      return;
    }
    if (trailers.length) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i]!, trailers[i + 1]!]);
      this.#response.addTrailers(pairs);
    }
    this.#response.end();
  }

  upgrade(headers: HeaderList): { socket: RawSocket; firstBytes: Buffer } | null {
    if (!this.#upgrade || this.begun || this.gone) return null;
    this.begun = true;
    this.#upgraded = true;
    const { socket, firstBytes } = this.#upgrade;
    this.#response.detachSocket(socket as never);
    let head = 'HTTP/1.1 101 Switching Protocols\r\n';
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    socket.write(`${head}\r\n`, 'latin1');
    return { socket: socket as unknown as RawSocket, firstBytes };
  }

  /** A connection whose request was not read to its end cannot carry another; nor one of a server that is closing. */
  #closeIfNeeded(fields: string[]): void {
    const unread = this.head.contentLength !== 0 && !this.#request.complete;
    if (unread || this.#closing() || this.#upgrade) fields.push('connection', 'close');
    if (unread) {
      // Read on for a moment, so that the answer is not lost in a reset (RFC 9112 §9.6).
      this.#request.on('error', () => {});
      this.#response.once('finish', () => this.#lingerAndClose());
    }
  }

  #lingerAndClose(): void {
    const { socket } = this.#request;
    this.#request.resume();
    const timer = setTimeout(() => socket.destroy(), 1000);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
  }

  #source(): BodySource {
    const request = this.#request;
    return {
      lengthBytes: this.head.contentLength,
      open: (sink) => {
        if (this.#bodyStarted) throw new Error('the body of a request can be read once');
        this.#bodyStarted = true;
        if (this.#expectsContinue) this.#response.writeContinue();
        request.on('data', sink.onData.bind(sink));
        request.on('end', () => sink.onEnd());
        request.on('error', () =>
          sink.onFault(new Fault('client/gone', 'The client hung up while it sent the body.')),
        );
        if (request.destroyed && !request.complete)
          sink.onFault(new Fault('client/gone', 'The client has hung up.'));
      },
      pause: () => void request.pause(),
      resume: () => void request.resume(),
    };
  }
}

function tooLarge(limitBytes: number): Fault {
  return new Fault(
    'request/body-too-large',
    `The body is larger than the ${limitBytes} bytes this route allows.`,
  );
}
