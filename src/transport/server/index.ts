import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { ListenerTls } from '#core/listener.ts';
import type { RequestLimits } from '#core/snapshot.ts';
import type { ConnectionSettings } from './connection.ts';
import { DoorCounts, type Refusal } from './door-counts.ts';
import { Door, type DoorRules } from './door.ts';
import type { LoadHttp2 } from './http2-door.ts';
import { WriteRoom } from './write-room.ts';

export type { Http2Server, LoadHttp2 } from './http2-door.ts';

export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  /** Let other threads listen on the same port (Linux). */
  readonly reusePort: boolean;
  readonly limits: RequestLimits;
  /** Addresses and CIDR ranges of peers that may name the client. */
  readonly trustedProxies: readonly string[];
  /** Of the listener, among others (its address). */
  readonly id?: string;
  readonly ipv6Only?: boolean;
  /** Each connection begins with a PROXY header; only trusted peers are let in (false). */
  readonly proxyProtocol?: boolean;
  /** Null, the default: plain text. */
  readonly tls?: ListenerTls | null;
  /** Shared by all threads: 32 random bytes. */
  readonly ticketSecret?: Uint8Array;
  /** Open at once over all threads; 0, the default, is unlimited. */
  readonly maxConnections?: number;
  /** Open connections of each thread, and which of the cells is this one's. */
  readonly open?: { readonly cells: Int32Array; readonly own: number };
  /** Null, the default: HTTP/2 is not offered. */
  readonly http2?: LoadHttp2 | null;
  onExchange(inbound: Inbound): void;
}

export interface Listener {
  readonly port: number;
  /** Of this thread. */
  stats(): ListenerStats;
  /** Holds for connections to come. @throws Error when a certificate cannot be used; then nothing has changed. */
  update(rules: DoorRules): void;
  /** From now on every answer asks its client to leave. */
  drain(): void;
  /** Stops accepting; resolves when the last connection is gone, or after `graceMs`, when the others are cut. */
  close(graceMs: number): Promise<void>;
}

export interface ListenerStats {
  readonly open: number;
  /** Connections that were not served, ever, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>;
}

const keepAliveMs = 75_000;
/** How often lateness is looked for: one timer for all connections. */
const checkEveryMs = 1000;
const closeIdleEveryMs = 50;

/** HTTP on one port. Requests without one canonical reading never become exchanges: they are answered 400 here. */
export async function listen(settings: ListenerSettings): Promise<Listener> {
  const { limits, open = { cells: new Int32Array(1), own: 0 } } = settings;
  let closing = false;
  const each: Omit<ConnectionSettings, 'onClosed' | 'onHttp2'> = {
    maxHeadBytes: limits.headerBytes,
    room: new WriteRoom(),
    headTimeoutMs: limits.headTimeoutMs,
    bodyTimeoutMs: limits.bodyTimeoutMs,
    sendTimeoutMs: limits.sendTimeoutMs ?? 60_000,
    keepAliveMs,
    onExchange: settings.onExchange,
    isClosing: () => closing,
  };
  const counts = new DoorCounts({ ...open, limit: settings.maxConnections ?? 0 });
  const door = new Door({
    id: settings.id ?? '',
    trustedProxies: settings.trustedProxies,
    proxyProtocol: settings.proxyProtocol ?? false,
    tls: settings.tls ?? null,
    ticketSecret: Buffer.from(settings.ticketSecret ?? []),
    headTimeoutMs: limits.headTimeoutMs,
    counts,
    http2: settings.http2 ?? null,
    connection: each,
  });
  // A client that closes its side first must still get what is written to it already.
  const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, door.accept);
  await begin(server, settings);
  const check = setInterval(() => door.expire(performance.now()), checkEveryMs);
  check.unref();
  const drain = () => {
    closing = true;
    door.drain();
  };
  return {
    port: (server.address() as AddressInfo).port,
    stats: () => ({ open: counts.open, refused: counts.refused }),
    update: (rules) => door.update(rules),
    drain,
    async close(graceMs) {
      drain();
      await end(server, door, graceMs);
      clearInterval(check);
    },
  };
}

function begin(server: Server, settings: ListenerSettings): Promise<void> {
  const { host, port, reusePort, ipv6Only = false } = settings;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, reusePort, ipv6Only, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function end(server: Server, door: Door, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => door.cut(), graceMs);
    // A connection whose answer began before the drain does not know that it is the last: it is closed once it is idle.
    const sweep = setInterval(() => door.closeIdle(), closeIdleEveryMs);
    server.close(() => {
      clearTimeout(late);
      clearInterval(sweep);
      resolve();
    });
    door.closeIdle();
  });
}
