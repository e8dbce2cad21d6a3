import type { Socket } from 'node:net';
import type { RawSocket } from '#core/contracts/upstream.ts';

/**
 * A connection after 101: a plain duplex of bytes, whichever way they are read below. Like node's own sockets it waits, and
 * reads nothing, until somebody listens for 'data'.
 */
export class UpgradedSocket implements RawSocket {
  readonly #socket: Socket;
  readonly #onClose: (() => void)[] = [];
  #onData: ((chunk: Buffer) => void) | null = null;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.pause();
  }

  take(chunk: Buffer): void {
    this.#onData?.(chunk);
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of this.#onClose) listener();
  }

  write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** There is one listener for 'data': the last. */
  on(event: 'data' | 'drain' | 'end' | 'close' | 'error', listener: (argument: never) => void): void {
    if (event === 'data') {
      this.#onData = listener as (chunk: Buffer) => void;
      this.#socket.resume();
    } else if (event === 'close') {
      if (this.#isClosed) queueMicrotask(listener as () => void);
      else this.#onClose.push(listener as () => void);
    } else {
      this.#socket.on(event, listener as () => void);
    }
  }
}
