import type * as Http2 from 'node:http2';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { RequestLimits } from '#core/snapshot.ts';
import type { Peer } from '../canonical-head.ts';
import { Http2Connection, type Http2ConnectionSettings } from './connection.ts';
import { sessionOptions } from './session-options.ts';

export interface Http2ServerSettings {
  readonly limits: RequestLimits;
  /** May clients open WebSockets over HTTP/2 (RFC 8441)? */
  readonly websocket: boolean;
  /** Streams a client may have open at once on a connection (128). */
  readonly maxStreams?: number;
  /** How long a connection without streams is kept (75 s, as with HTTP/1.1). */
  readonly keepAliveMs?: number;
  onExchange(inbound: Inbound): void;
}

/** HTTP/2 on sockets that others have accepted. */
export interface Http2Server {
  /** Takes a socket over whose first bytes have been read already (none: an empty buffer); nobody else listens to it. */
  accept(socket: Socket, peer: Peer, firstBytes: Buffer): void;
  /** Says on every connection that it takes no more requests (GOAWAY), once those on their way have had time to come. */
  drain(): void;
  /** Closes what is drained and has no streams left. Harmless to call often. */
  closeIdle(): void;
  /** Ends all connections now. */
  cut(): void;
}

const checkEveryMs = 1000;
const load = createRequire(import.meta.url);

/** The server side of HTTP/2 (RFC 9113). The module below it is loaded with the first connection that needs it. */
export function createHttp2Server(settings: Http2ServerSettings): Http2Server {
  const connections = new Set<Http2Connection>();
  const { limits, maxStreams = 128 } = settings;
  let isDraining = false;
  let check: NodeJS.Timeout | null = null;
  const each: Http2ConnectionSettings = {
    limits,
    keepAliveMs: settings.keepAliveMs ?? 75_000,
    websocket: settings.websocket,
    onExchange: settings.onExchange,
    onClosed(connection) {
      connections.delete(connection);
      if (connections.size > 0 || check === null) return;
      clearInterval(check);
      check = null;
    },
  };
  const options = sessionOptions({ headerBytes: limits.headerBytes, maxStreams, websocket: each.websocket });
  const checkAll = () => {
    const nowMs = performance.now();
    for (const connection of connections) connection.check(nowMs);
  };
  return {
    accept(socket, peer, firstBytes) {
      const { performServerHandshake } = load('node:http2') as typeof Http2;
      // Given back, so that the session finds them where it looks first.
      if (firstBytes.length > 0) socket.unshift(firstBytes);
      const connection = new Http2Connection(performServerHandshake(socket, options), { socket, peer }, each);
      connections.add(connection);
      check ??= setInterval(checkAll, checkEveryMs).unref();
      if (isDraining) connection.drain();
    },
    drain() {
      isDraining = true;
      for (const connection of connections) connection.drain();
    },
    closeIdle() {
      const nowMs = performance.now();
      for (const connection of connections) connection.closeIfDrained(nowMs);
    },
    cut() {
      for (const connection of connections) connection.cut();
    },
  };
}
