import type { Socket } from 'node:net';
import type { Origin } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { dial, type Dialer } from './dial.ts';
import { ProtocolError, ResponseParser, type ResponseHandler } from './response-parser.ts';
import { UpgradedSocket } from './upgraded-socket.ts';

/** Whoever uses a connection for one request. All members are called synchronously from the socket's events. */
export interface ConnectionUser extends ResponseHandler {
  onReady(): void;
  /** The request's bytes have left the buffers. */
  onDrain(): void;
  onUpgraded(headers: HeaderList, socket: UpgradedSocket, firstBytes: Buffer): void;
  /** Called after `onComplete`, when the connection is free to be used or thrown away. */
  onReleased(trailers: HeaderList): void;
  onLost(fault: Fault): void;
}

export interface ConnectionHost {
  readonly dialer: Dialer;
  /** Shared by all plain connections of a thread. */
  readonly readBuffer: Buffer;
  onClosed(connection: Connection): void;
}

/** One connection to an upstream: carries one request at a time. */
export class Connection implements ResponseHandler {
  readonly origin: Origin;
  readonly #host: ConnectionHost;
  readonly #parser = new ResponseParser(this);
  readonly #dialling: Socket;
  #socket: Socket | null = null;
  #user: ConnectionUser | null = null;
  #completed: HeaderList | null = null;
  #upgraded: UpgradedSocket | null = null;
  #error: NodeJS.ErrnoException | null = null;
  closed = false;
  /** Requests it has carried before the present one. */
  uses = 0;
  /** When it became idle. */
  idleSinceMs = 0;

  constructor(origin: Origin, host: ConnectionHost, user: ConnectionUser) {
    this.origin = origin;
    this.#host = host;
    this.#user = user;
    const reader = {
      buffer: host.readBuffer,
      onRead: (bytes: number) => this.#read(host.readBuffer.subarray(0, bytes), false),
    };
    const socket = dial(origin, host.dialer, reader, (dialled) => {
      if (this.closed) {
        dialled.socket.destroy();
        return;
      }
      this.#socket = dialled.socket;
      if (dialled.socket !== socket) this.#listen(dialled.socket);
      if (!dialled.readsPlain) dialled.socket.on('data', (chunk: Buffer) => this.#read(chunk, true));
      this.#user?.onReady();
    });
    this.#dialling = socket;
    this.#listen(socket);
  }

  /** Seconds the upstream promised for idleness, or -1. */
  get keepAliveSeconds(): number {
    return this.#parser.keepAliveSeconds;
  }

  /** Can it carry a request at once? */
  get ready(): boolean {
    return this.#socket !== null && !this.closed;
  }

  get reusable(): boolean {
    return !this.closed && this.#parser.keepAlive && this.#parser.idle && this.#socket !== null;
  }

  assign(user: ConnectionUser): void {
    this.#user = user;
    this.uses++;
  }

  expect(method: string): void {
    this.#parser.expect(method);
  }

  write(bytes: Buffer | string): boolean {
    return this.#socket!.write(bytes, 'latin1');
  }

  cork(): void {
    this.#socket!.cork();
  }

  uncork(): void {
    this.#socket!.uncork();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Nobody is told. */
  destroy(): void {
    this.#user = null;
    this.#dialling.destroy();
    this.#socket?.destroy();
    this.#close();
  }

  onHead(status: number, headers: HeaderList): void {
    if (status === 101) this.#upgraded = new UpgradedSocket(this.#socket!);
    this.#user?.onHead(status, headers);
    if (status === 101) this.#completed = headers;
  }

  onBody(chunk: Buffer): void {
    this.#user?.onBody(chunk);
  }

  onComplete(trailers: HeaderList): void {
    this.#completed = trailers;
    this.#user?.onComplete(trailers);
  }

  #listen(socket: Socket): void {
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => this.#lost());
    socket.on('end', () => this.#ended());
    socket.on('drain', () => this.#user?.onDrain());
  }

  #read(bytes: Buffer, owned: boolean): void {
    if (this.#upgraded) {
      this.#upgraded.take(owned ? bytes : Buffer.from(bytes));
      return;
    }
    // Bytes nobody asked for would be taken for the answer to the next request.
    if (!this.#user || this.#parser.idle)
      return this.#fail(new ProtocolError('bytes that belong to no request'));
    let used: number;
    try {
      used = this.#parser.feed(bytes, owned);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#completed === null) return;
    const rest = bytes.subarray(used);
    if (this.#upgraded) {
      const user = this.#user;
      const headers = this.#completed;
      this.#user = null;
      user?.onUpgraded(headers, this.#upgraded, Buffer.from(rest));
    } else if (rest.length) {
      this.#release();
      this.#fail(new ProtocolError('bytes after the end of the answer'));
    } else {
      this.#release();
    }
  }

  #release(): void {
    const trailers = this.#completed ?? [];
    const user = this.#user;
    this.#completed = null;
    this.#user = null;
    user?.onReleased(trailers);
  }

  #ended(): void {
    if (this.#upgraded) return;
    if (this.#parser.close()) this.#release();
    this.#dialling.destroy();
    this.#socket?.destroy();
  }

  #fail(error: unknown): void {
    const user = this.#user;
    this.destroy();
    const what = error instanceof ProtocolError ? error.message : 'something that cannot be read';
    user?.onLost(new Fault('upstream/protocol', `${this.#name()} sent ${what}.`, { cause: error }));
  }

  #lost(): void {
    const user = this.#user;
    const wasReady = this.#socket !== null;
    this.#user = null;
    this.#close();
    this.#upgraded?.closed();
    this.#dialling.destroy();
    if (user) user.onLost(wasReady ? this.#closedFault() : this.#connectFault());
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#host.onClosed(this);
  }

  #name(): string {
    return `${this.origin.host}:${this.origin.port}`;
  }

  #closedFault(): Fault {
    const why = this.#error?.code ? ` (${this.#error.code})` : '';
    return new Fault(
      'upstream/closed',
      `${this.#name()} closed the connection before its answer was complete${why}.`,
      {
        cause: this.#error,
      },
    );
  }

  #connectFault(): Fault {
    const error = this.#error;
    const code = error?.code ?? '';
    if (/CERT|TLS|SSL|SELF_SIGNED|ISSUER|ALTNAME|EPROTO/.test(code)) {
      return new Fault(
        'upstream/tls',
        `${this.#name()} could not prove who it is (${code}). Check its certificate or the provider's "tls.ca".`,
        { cause: error },
      );
    }
    const reason = code || error?.message || 'closed';
    return new Fault('upstream/connect', `${this.#name()} could not be reached (${reason}).`, {
      cause: error,
    });
  }
}
