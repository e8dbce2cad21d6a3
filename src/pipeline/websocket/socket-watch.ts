import type { Observer } from '#core/contracts/observer.ts';

/** What is asked of an open WebSocket from outside. */
export interface WatchedSocket {
  /** Time has gone on by `tickMs`. */
  tick(): void;
  /** The gateway is leaving: close it in order. */
  goAway(): void;
}

/** How exact times of WebSockets are. One timer serves all of a thread's, so that an idle one costs nothing but memory. */
export const tickMs = 500;

/** The open WebSockets of one thread, over reloads. */
export class SocketWatch {
  readonly #sockets = new Set<WatchedSocket>();
  #timer: NodeJS.Timeout | null = null;
  #leaving = false;

  add(socket: WatchedSocket): void {
    this.#sockets.add(socket);
    this.#timer ??= setInterval(() => this.#tick(), tickMs).unref();
    if (this.#leaving) socket.goAway();
  }

  delete(socket: WatchedSocket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** From now on every WebSocket is told that the gateway is going away, those that are still to be opened too. */
  goAway(): void {
    this.#leaving = true;
    for (const socket of this.#sockets) socket.goAway();
  }

  #tick(): void {
    for (const socket of this.#sockets) socket.tick();
  }
}

export type SocketObserver = Pick<Observer, 'socketOpened' | 'socketMessages' | 'socketClosed'>;
