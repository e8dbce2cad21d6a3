import type { OnReadOpts, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Origin } from '#core/contracts/upstream.ts';
import type { Fault } from '#core/fault.ts';
import { bareHost } from './bare-host.ts';
import { connectFault, isTlsError, tlsFault } from './connection-fault.ts';
import { openTunnel } from './open-tunnel.ts';
import { raceAddresses } from './race-addresses.ts';
import type { ResolveName } from './resolve-name.ts';
import type { SecureSockets } from './secure-socket.ts';

export interface Dialer {
  readonly resolveName: ResolveName;
  readonly secureSockets: SecureSockets;
}

export interface DialHandler {
  /** The connection can carry requests. `readsPlain`: its reads come through `onread`, not as 'data' events. */
  onDialled(socket: Socket, readsPlain: boolean): void;
  onDialFailed(fault: Fault): void;
}

export interface DialParts {
  /** For plain connections; null: reads come as 'data' events there, too. */
  readonly onread: OnReadOpts | null;
  /** What is offered by ALPN, best first. */
  readonly protocols: readonly string[];
  readonly handler: DialHandler;
}

/**
 * Opens a connection: TCP, TLS, or either through a CONNECT proxy. Exactly one callback comes, always asynchronously,
 * unless `cancel` was called before it.
 */
export class Dial {
  readonly #origin: Origin;
  readonly #dialer: Dialer;
  readonly #onread: OnReadOpts | null;
  readonly #protocols: readonly string[];
  readonly #handler: DialHandler;
  #over = false;
  #cancelled = false;
  #stopRace: () => void = () => {};
  #socket: Socket | null = null;

  constructor(origin: Origin, dialer: Dialer, parts: DialParts) {
    this.#origin = origin;
    this.#dialer = dialer;
    this.#onread = parts.onread;
    this.#protocols = parts.protocols;
    this.#handler = parts.handler;
    this.#attempt(() => this.#resolve());
  }

  cancel(): void {
    this.#cancelled = true;
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#stopRace();
    this.#socket?.destroy();
  }

  #resolve(): void {
    const { host, port } = this.#firstHop();
    this.#dialer.resolveName(host, (error, addresses) => {
      if (this.#over) return;
      if (error) return this.#fail(connectFault(this.#origin, error));
      this.#attempt(() => {
        this.#stopRace = raceAddresses({
          addresses,
          port,
          onread: this.#isPlain ? this.#onread : null,
          onConnected: (socket) => this.#attempt(() => this.#connected(socket)),
          onFailed: (reason) => this.#fail(connectFault(this.#origin, reason)),
        });
      });
    });
  }

  get #isPlain(): boolean {
    return this.#origin.proxy === null && !this.#origin.secure;
  }

  #firstHop(): { host: string; port: number } {
    const { proxy, host, port, address } = this.#origin;
    if (proxy === null) return { host: address ?? bareHost(host), port };
    const url = new URL(proxy);
    if (url.protocol !== 'http:') throw new Error('only proxies with an http:// address are supported');
    return { host: bareHost(url.hostname), port: Number(url.port || 80) };
  }

  #connected(socket: Socket): void {
    this.#socket = socket;
    if (this.#isPlain) return this.#succeed(socket, this.#onread !== null);
    // Whoever comes next listens for errors too; this one only sees to it that none goes unheard in between.
    socket.on('error', () => {});
    if (this.#origin.proxy === null) return this.#secure(socket);
    openTunnel(socket, this.#origin, (error) => {
      if (this.#over) return;
      if (error) this.#fail(connectFault(this.#origin, error));
      else if (this.#origin.secure) this.#attempt(() => this.#secure(socket));
      else this.#succeed(socket, false);
    });
  }

  #secure(socket: Socket): void {
    let secured: TLSSocket;
    try {
      secured = this.#dialer.secureSockets.secure(socket, this.#origin, this.#protocols);
    } catch (error) {
      return this.#fail(tlsFault(this.#origin, error as Error));
    }
    this.#socket = secured;
    secured.on('error', (error: Error) => {
      if (this.#over) return;
      this.#dialer.secureSockets.forget(this.#origin);
      const proves = secured.authorizationError || isTlsError(error);
      this.#fail(proves ? tlsFault(this.#origin, error) : connectFault(this.#origin, error));
    });
    secured.once('close', () =>
      this.#fail(connectFault(this.#origin, new Error('closed during the handshake'))),
    );
    secured.once('secureConnect', () => {
      if (!this.#over) this.#succeed(secured, false);
    });
  }

  #succeed(socket: Socket, readsPlain: boolean): void {
    this.#over = true;
    this.#handler.onDialled(socket, readsPlain);
  }

  #fail(fault: Fault): void {
    if (this.#over) return;
    this.#end();
    setImmediate(() => {
      if (!this.#cancelled) this.#handler.onDialFailed(fault);
    });
  }

  /** Bad settings (a port, a proxy address) make node throw; that is a failure like others. */
  #attempt(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      // From here on it is the handler's, not the dialling's.
      if (this.#over) throw error;
      this.#fail(connectFault(this.#origin, error as Error));
    }
  }
}
