import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { RequestLimits } from '#core/snapshot.ts';
import type { Peer } from './canonical-head.ts';
import { ServerConnection, type ConnectionSettings } from './connection.ts';
import { createPeerJudge } from './trusted-peer.ts';
import { WriteRoom } from './write-room.ts';

export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  /** Let other threads listen on the same port (Linux). */
  readonly reusePort: boolean;
  readonly limits: RequestLimits;
  /** Addresses and CIDR ranges of peers that may name the client. */
  readonly trustedProxies: readonly string[];
  onExchange(inbound: Inbound): void;
}

export interface Listener {
  readonly port: number;
  /** From now on every answer asks its client to leave. */
  drain(): void;
  /** Stops accepting; resolves when the last connection is gone, or after `graceMs`, when the others are cut. */
  close(graceMs: number): Promise<void>;
}

const keepAliveMs = 75_000;
/** How often lateness is looked for: one timer for all connections. */
const checkEveryMs = 1000;
const closeIdleEveryMs = 50;

/** HTTP/1.1 on one port. Requests without one canonical reading never become exchanges: they are answered 400 here. */
export function listen(settings: ListenerSettings): Promise<Listener> {
  const { limits } = settings;
  const judge = createPeerJudge(settings.trustedProxies);
  const connections = new Set<ServerConnection>();
  let closing = false;
  const each: ConnectionSettings = {
    maxHeadBytes: limits.headerBytes,
    room: new WriteRoom(),
    headTimeoutMs: limits.headTimeoutMs,
    bodyTimeoutMs: limits.bodyTimeoutMs,
    keepAliveMs,
    onExchange: settings.onExchange,
    onClosed: (connection) => connections.delete(connection),
    isClosing: () => closing,
  };
  // A client that closes its side first must still get what is written to it already.
  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
    connections.add(new ServerConnection(socket, peerOf(socket, judge), each));
  });
  const check = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections) connection.expire(nowMs);
  }, checkEveryMs);
  check.unref();

  return start(server, settings, {
    drain: () => (closing = true),
    closeIdle: () => connections.forEach((connection) => connection.closeIfIdle()),
    cut: () => connections.forEach(({ socket }) => socket.destroy()),
    stop: () => clearInterval(check),
  });
}

interface Controls {
  drain(): void;
  closeIdle(): void;
  cut(): void;
  stop(): void;
}

function start(server: Server, settings: ListenerSettings, controls: Controls): Promise<Listener> {
  const { host, port, reusePort } = settings;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, reusePort, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        drain: controls.drain,
        close: (graceMs) => close(server, controls, graceMs),
      });
    });
  });
}

function close(server: Server, { drain, closeIdle, cut, stop }: Controls, graceMs: number): Promise<void> {
  drain();
  return new Promise((resolve) => {
    const late = setTimeout(cut, graceMs);
    // A connection whose answer began before the drain does not know that it is the last: it is closed once it is idle.
    const sweep = setInterval(closeIdle, closeIdleEveryMs);
    server.close(() => {
      clearTimeout(late);
      clearInterval(sweep);
      stop();
      resolve();
    });
    closeIdle();
  });
}

function peerOf(socket: Socket, judge: (address: string) => boolean): Peer {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return { address, secure: 'encrypted' in socket, trusted: judge(address) };
}
