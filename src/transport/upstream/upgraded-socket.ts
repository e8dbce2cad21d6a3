import type { Socket } from 'node:net';
import type { RawSocket } from '#core/contracts/upstream.ts';

/** A connection after 101: a plain duplex of bytes, whichever way they are read below. */
export class UpgradedSocket implements RawSocket {
  readonly #socket: Socket;
  #onData: ((chunk: Buffer) => void) | null = null;
  #onClose: (() => void)[] = [];
  #early: Buffer[] = [];
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  take(chunk: Buffer): void {
    if (this.#onData) this.#onData(chunk);
    else this.#early.push(chunk);
  }

  closed(): void {
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

  on(event: 'data' | 'drain' | 'end' | 'close' | 'error', listener: (argument: never) => void): void {
    if (event === 'data') {
      this.#onData = listener as (chunk: Buffer) => void;
      for (const chunk of this.#early) this.#onData(chunk);
      this.#early = [];
    } else if (event === 'close') {
      if (this.#isClosed) queueMicrotask(listener as () => void);
      else this.#onClose.push(listener as () => void);
    } else {
      this.#socket.on(event, listener as () => void);
    }
  }
}
