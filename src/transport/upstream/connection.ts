import type { OnReadOpts, Socket } from 'node:net';
import type { Origin } from '#core/contracts/upstream.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { closedFault, nameOf } from './connection-fault.ts';
import { Dial, type Dialer, type DialHandler } from './dial.ts';
import { ProtocolError } from '../http1/protocol-error.ts';
import { ResponseParser, type ResponseHandler } from './response-parser.ts';
import { UpgradedSocket } from './upgraded-socket.ts';

/** Whoever uses a connection for one request. All are called from the socket's events, never within `write`. */
export interface ConnectionUser extends ResponseHandler {
  /** Has it asked to leave HTTP, and nothing more to say before? Otherwise 101 is an error. */
  readonly awaitsUpgrade: boolean;
  onReady(): void;
  onDrain(): void;
  onUpgraded(headers: HeaderList, socket: UpgradedSocket, firstBytes: Buffer): void;
  /** The answer is complete, and the user no longer one: the connection is to be reused or destroyed. */
  onComplete(trailers: HeaderList): void;
  onLost(fault: Fault): void;
}

export interface ConnectionHost {
  readonly dialer: Dialer;
  /** Shared by all plain connections of a thread, so that a silent one holds no memory for reading. */
  readonly readBuffer: Buffer;
  onClosed(connection: Connection): void;
}

/** One connection to an upstream: carries one request at a time. */
export class Connection implements ResponseHandler, DialHandler {
  readonly origin: Origin;
  readonly #host: ConnectionHost;
  readonly #parser = new ResponseParser(this);
  readonly #dial: Dial;
  #socket: Socket | null = null;
  #readsPlain = false;
  #user: ConnectionUser | null;
  #switchHeaders: HeaderList = [];
  #upgraded: UpgradedSocket | null = null;
  #error: Error | null = null;
  closed = false;
  /** Requests it has carried before the present one. */
  uses = 0;
  /** Has a byte come since the present request? */
  heard = false;
  /** When it became idle; -1 while it is not. */
  idleSinceMs = -1;

  constructor(origin: Origin, host: ConnectionHost, user: ConnectionUser) {
    this.origin = origin;
    this.#host = host;
    this.#user = user;
    const onread: OnReadOpts = {
      buffer: host.readBuffer,
      callback: (bytes) => {
        this.#read(host.readBuffer.subarray(0, bytes), false);
        return true;
      },
    };
    this.#dial = new Dial(origin, host.dialer, { onread, handler: this, protocols: ['http/1.1'] });
  }

  /** Seconds the upstream promised for idleness, or -1. */
  get keepAliveSeconds(): number {
    return this.#parser.keepAliveSeconds;
  }

  /** Can it carry a request at once? */
  get ready(): boolean {
    return this.#socket !== null && !this.closed;
  }

  /** May it carry another request? Not when bytes of the last one still wait to leave. */
  get reusable(): boolean {
    const socket = this.#socket;
    return (
      !this.closed &&
      this.#parser.complete &&
      this.#parser.keepAlive &&
      socket !== null &&
      socket.writable &&
      socket.writableLength === 0
    );
  }

  /** Bytes that wait to leave. */
  get pendingBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /**
   * Did the write that has just been made fail at once? Then the system took no byte of it. That says nothing under TLS,
   * which writes by itself.
   */
  get refusedWrite(): boolean {
    return this.#readsPlain && this.#socket!.errored !== null;
  }

  assign(user: ConnectionUser): void {
    this.#user = user;
    this.uses++;
    this.idleSinceMs = -1;
  }

  expect(method: string): void {
    this.heard = false;
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

  /** At once; nobody is told but the host. */
  destroy(): void {
    this.#user = null;
    this.#dial.cancel();
    this.#socket?.destroy();
    this.#close();
  }

  onDialled(socket: Socket, readsPlain: boolean): void {
    this.#socket = socket;
    this.#readsPlain = readsPlain;
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => this.#lost());
    socket.on('end', () => this.#ended());
    socket.on('drain', () => this.#user?.onDrain());
    if (!readsPlain) socket.on('data', (chunk: Buffer) => this.#read(chunk, true));
    // A socket paused by whoever read its first bytes (a proxy's answer) flows from here on.
    if (!readsPlain) socket.resume();
    this.#user?.onReady();
  }

  onDialFailed(fault: Fault): void {
    const user = this.#user;
    this.destroy();
    user?.onLost(fault);
  }

  onHead(status: number, headers: HeaderList): void {
    if (status !== 101) this.#user?.onHead(status, headers);
    else if (this.#user?.awaitsUpgrade) this.#switchHeaders = headers;
    else throw new ProtocolError('101 to a request that did not ask for it');
  }

  onBody(chunk: Buffer): void {
    this.#user?.onBody(chunk);
  }

  #read(bytes: Buffer, owned: boolean): void {
    if (this.#upgraded) return this.#upgraded.take(owned ? bytes : Buffer.from(bytes));
    // Bytes nobody asked for would be taken for the answer to the next request.
    if (this.#user === null || this.#parser.idle)
      return this.#fail(new ProtocolError('bytes that belong to no request'));
    this.heard = true;
    let used: number;
    try {
      used = this.#parser.feed(bytes);
    } catch (error) {
      return this.#fail(error);
    }
    // The user may have cancelled meanwhile.
    if (this.#user === null) return;
    if (this.#parser.switched) this.#switch(bytes.subarray(used), owned);
    else if (!this.#parser.complete) return;
    else if (used < bytes.length) this.#fail(new ProtocolError('bytes after the end of its answer'));
    else this.#release();
  }

  #switch(rest: Buffer, owned: boolean): void {
    const user = this.#user!;
    this.#user = null;
    this.#upgraded = new UpgradedSocket(this.#socket!);
    user.onUpgraded(this.#switchHeaders, this.#upgraded, owned ? rest : Buffer.from(rest));
  }

  #release(): void {
    const user = this.#user;
    this.#user = null;
    user?.onComplete(this.#parser.trailers);
  }

  #ended(): void {
    if (this.#upgraded) return;
    if (this.#user !== null && this.#parser.close()) this.#release();
    this.#socket?.destroy();
  }

  #fail(error: unknown): void {
    const user = this.#user;
    this.destroy();
    if (error instanceof ProtocolError) {
      const message = `${nameOf(this.origin)} was to answer in HTTP/1.1, but sent ${error.message}.`;
      user?.onLost(new Fault('upstream/protocol', message, { cause: error }));
    } else if (user) {
      // A bug of whoever receives the answer; it must not be taken for the upstream's.
      user.onLost(faultFrom(error));
    } else throw error;
  }

  #lost(): void {
    const user = this.#user;
    this.#user = null;
    this.#close();
    this.#upgraded?.closed();
    user?.onLost(closedFault(this.origin, this.#error));
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#host.onClosed(this);
  }
}
