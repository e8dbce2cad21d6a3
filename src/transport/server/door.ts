import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ListenerTls } from '#core/listener.ts';
import type { Peer, SecurePeer } from './canonical-head.ts';
import { ServerConnection, type ConnectionSettings } from './connection.ts';
import type { DoorCounts, Refusal } from './door-counts.ts';
import { Http2Door, type LoadHttp2 } from './http2-door.ts';
import { ProxyHeaderError, readProxyHeader } from './proxy-protocol.ts';
import { SecureDoor } from './secure-door.ts';
import { createPeerJudge } from './trusted-peer.ts';

/** What a reload may change. */
export interface DoorRules {
  readonly trustedProxies: readonly string[];
  readonly tls: ListenerTls | null;
}

export interface DoorSettings extends DoorRules {
  readonly id: string;
  readonly proxyProtocol: boolean;
  readonly headTimeoutMs: number;
  readonly ticketSecret: Buffer;
  readonly counts: DoorCounts;
  /** Null: HTTP/2 is not offered. */
  readonly http2: LoadHttp2 | null;
  readonly connection: Omit<ConnectionSettings, 'onClosed' | 'onHttp2'>;
}

/** A connection on its way in: its PROXY header, or its handshake, is not complete. */
interface Arrival {
  readonly socket: Socket;
  readonly deadlineMs: number;
  /** Its own address, or the one that a PROXY header gave. */
  peer: Pick<Peer, 'address' | 'trusted'>;
  /** Has the handshake begun? */
  shaking: boolean;
}

/**
 * What lies between a listener and its connections: who is let in, from where they come, and which protocol they speak.
 * A plain connection without a PROXY header is one of HTTP/1.1 from the start, until it says otherwise.
 */
export class Door {
  readonly #settings: DoorSettings;
  readonly #each: ConnectionSettings;
  readonly #connections = new Set<ServerConnection>();
  /** By `keyOf` its socket: what TLS gives us is another object. */
  readonly #arrivals = new Map<string, Arrival>();
  readonly #http2: Http2Door | null;
  #judge: (address: string) => boolean;
  #secure: SecureDoor | null;
  #handshakeTimeoutMs: number;
  /** Handshakes that were ended by us, of which TLS has not told us yet that they failed. */
  #cutHandshakes = 0;

  /** @throws Error when a certificate cannot be used. */
  constructor(settings: DoorSettings) {
    this.#settings = settings;
    const { counts, http2 } = settings;
    this.#http2 = http2 ? new Http2Door(http2, counts.closed) : null;
    this.#each = {
      ...settings.connection,
      onClosed: (connection) => {
        this.#connections.delete(connection);
        counts.closed();
      },
      onHttp2: this.#http2
        ? ({ connection, socket, peer, firstBytes }) => {
            this.#connections.delete(connection);
            this.#http2!.take(socket, peer, firstBytes);
          }
        : null,
    };
    this.#judge = createPeerJudge(settings.trustedProxies);
    this.#secure = settings.tls ? this.#secureDoor(settings.tls) : null;
    this.#handshakeTimeoutMs = settings.tls?.handshakeTimeoutMs ?? 0;
  }

  /** Holds from the next connection on. @throws Error when a certificate cannot be used; then nothing has changed. */
  update({ trustedProxies, tls }: DoorRules): void {
    const secure = tls ? this.#secureDoor(tls) : null;
    this.#judge = createPeerJudge(trustedProxies);
    this.#secure = secure;
    this.#handshakeTimeoutMs = tls?.handshakeTimeoutMs ?? 0;
  }

  readonly accept = (socket: Socket): void => {
    const { counts, proxyProtocol } = this.#settings;
    if (!counts.opened()) {
      counts.refused.limit++;
      return void socket.destroy();
    }
    const address = addressOf(socket);
    const trusted = this.#judge(address);
    if (!proxyProtocol && this.#secure === null)
      return this.#serve(socket, { address, secure: false, trusted, tls: null });
    const arrival = this.#admit(socket, { address, trusted });
    if (!proxyProtocol) this.#shake(arrival, this.#secure!);
    else if (trusted) this.#readProxyHeader(arrival);
    else this.#refuse(arrival, 'untrusted_peer');
  };

  #serve(socket: Socket, peer: Peer): void {
    this.#connections.add(new ServerConnection(socket, peer, this.#each));
  }

  #admit(socket: Socket, peer: Arrival['peer']): Arrival {
    const { headTimeoutMs, proxyProtocol } = this.#settings;
    const waitMs = (proxyProtocol ? headTimeoutMs : 0) + this.#handshakeTimeoutMs;
    const arrival: Arrival = { socket, peer, deadlineMs: performance.now() + waitMs, shaking: false };
    const key = keyOf(socket);
    this.#arrivals.set(key, arrival);
    socket.on('error', ignore);
    socket.on('close', () => {
      if (this.#arrivals.get(key) !== arrival) return;
      this.#arrivals.delete(key);
      this.#settings.counts.closed();
    });
    return arrival;
  }

  #refuse(arrival: Arrival, reason: Refusal): void {
    this.#settings.counts.refused[reason]++;
    this.#cut(arrival);
  }

  #cut({ socket, shaking }: Arrival): void {
    if (shaking && !socket.destroyed) this.#cutHandshakes++;
    socket.destroy();
  }

  #readProxyHeader(arrival: Arrival): void {
    const { socket } = arrival;
    let held: Buffer = Buffer.alloc(0);
    const onEnd = () => this.#refuse(arrival, 'closed');
    const onData = (bytes: Buffer) => {
      held = held.length ? Buffer.concat([held, bytes]) : bytes;
      try {
        const header = readProxyHeader(held);
        if (header === null) return;
        socket.off('data', onData).off('end', onEnd).pause();
        if (header.bytes < held.length) socket.unshift(held.subarray(header.bytes));
        this.#introduce(arrival, header.source);
      } catch (error) {
        if (!(error instanceof ProxyHeaderError)) throw error;
        this.#refuse(arrival, 'proxy_header');
      }
    };
    socket.on('data', onData).on('end', onEnd);
  }

  /** Whom a proxy speaks for is its client; a proxy that does not say may not say it in a header either. */
  #introduce(arrival: Arrival, source: string | null): void {
    const { socket } = arrival;
    arrival.peer =
      source === null
        ? { address: arrival.peer.address, trusted: false }
        : { address: source, trusted: this.#judge(source) };
    if (this.#secure) return this.#shake(arrival, this.#secure);
    this.#arrivals.delete(keyOf(socket));
    this.#serve(socket, { ...arrival.peer, secure: false, tls: null });
    socket.resume();
  }

  #secureDoor(tls: ListenerTls): SecureDoor {
    const { id, ticketSecret, counts } = this.#settings;
    return new SecureDoor({
      tls,
      offersHttp2: this.#http2 !== null,
      id,
      ticketSecret,
      onSecure: (socket, secured) => this.#enter(socket, secured),
      onRefused: (reason) => {
        if (reason === 'closed' && this.#cutHandshakes > 0) this.#cutHandshakes--;
        else counts.refused[reason]++;
      },
    });
  }

  #shake(arrival: Arrival, secure: SecureDoor): void {
    arrival.shaking = true;
    // A client that closes its side in the middle of a handshake is not waited for; TLS takes this over.
    arrival.socket.allowHalfOpen = false;
    secure.take(arrival.socket);
  }

  /** Its handshake is complete. */
  #enter(socket: TLSSocket, tls: SecurePeer): void {
    const key = keyOf(socket);
    const arrival = this.#arrivals.get(key);
    if (!arrival) return void socket.destroy();
    this.#arrivals.delete(key);
    socket.allowHalfOpen = true;
    const peer: Peer = { ...arrival.peer, secure: true, tls };
    if (socket.alpnProtocol !== 'h2') return this.#serve(socket, peer);
    socket.on('error', ignore);
    this.#http2!.take(socket, peer, Buffer.alloc(0));
  }

  /** Called now and then: ends what has been waited for too long. */
  expire(nowMs: number): void {
    for (const arrival of this.#arrivals.values())
      if (nowMs >= arrival.deadlineMs && !arrival.socket.destroyed) this.#refuse(arrival, 'timeout');
    for (const connection of this.#connections) connection.expire(nowMs);
  }

  drain(): void {
    this.#http2?.drain();
  }

  /** Ends connections on which nothing is under way. Whoever is not in yet has not asked for anything. */
  closeIdle(): void {
    for (const arrival of this.#arrivals.values()) this.#cut(arrival);
    for (const connection of this.#connections) connection.closeIfIdle();
    this.#http2?.closeIdle();
  }

  cut(): void {
    for (const arrival of this.#arrivals.values()) this.#cut(arrival);
    for (const { socket } of this.#connections) socket.destroy();
    this.#http2?.cut();
  }
}

const ignore = (): void => {};

/** An IPv4 address, also where it came in over IPv6. */
const addressOf = ({ remoteAddress = '' }: Socket): string => remoteAddress.replace(/^::ffff:/, '');

/** Both ends of a connection: no other living one of this listener has the same. */
const keyOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress}|${remotePort}|${localAddress}`;
