import type { Socket } from 'node:net';
import type { Peer } from './canonical-head.ts';

/** What serves HTTP/2 on connections that others have accepted. */
export interface Http2Server {
  /** The socket is paused; `firstBytes` were read from it and come before what it still has. */
  accept(socket: Socket, peer: Peer, firstBytes: Buffer): void;
  /** From now on every answer asks its client to leave. */
  drain(): void;
  closeIdle(): void;
  cut(): void;
}

/** Brings the server in: what it is made of takes memory that a gateway without HTTP/2 saves. */
export type LoadHttp2 = () => Promise<Http2Server>;

/** Connections of HTTP/2: handed to a server that is loaded when the first one comes. */
export class Http2Door {
  readonly #load: LoadHttp2;
  readonly #onClosed: () => void;
  readonly #sockets = new Set<Socket>();
  #server: Http2Server | null = null;
  #loading: Promise<Http2Server> | null = null;
  #draining = false;

  constructor(load: LoadHttp2, onClosed: () => void) {
    this.#load = load;
    this.#onClosed = onClosed;
  }

  take(socket: Socket, peer: Peer, firstBytes: Buffer): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#onClosed();
    });
    if (this.#server) return this.#server.accept(socket, peer, firstBytes);
    socket.pause();
    this.#loading ??= this.#load().then((server) => {
      this.#server = server;
      if (this.#draining) server.drain();
      return server;
    });
    this.#loading.then(
      (server) => {
        if (!socket.destroyed) server.accept(socket, peer, firstBytes);
      },
      (error: unknown) => {
        this.#loading = null;
        socket.destroy();
        // Not a client's doing: whoever watches the process is to know.
        throw error;
      },
    );
  }

  drain(): void {
    this.#draining = true;
    this.#server?.drain();
  }

  closeIdle(): void {
    this.#server?.closeIdle();
  }

  cut(): void {
    this.#server?.cut();
    for (const socket of this.#sockets) socket.destroy();
  }
}
