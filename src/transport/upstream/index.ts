import type { Clock } from '#core/contracts/clock.ts';
import type { Origin, Upstream, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom } from '#core/fault.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { renderHead } from './request-head.ts';
import { RequestCall, type CallHost } from './request-call.ts';
import { createLookup } from './resolve-name.ts';

export interface UpstreamOptions {
  readonly clock: Clock;
  /** Idle connections are closed after this long, or a second before the upstream's own promise ends. */
  readonly idleExpiryMs?: number;
  readonly maxIdlePerOrigin?: number;
  /** How often timeouts are looked at: their precision. */
  readonly tickMs?: number;
}

const readBufferBytes = 64 * 1024;

/** Our HTTP/1.1 client: pooled connections, a strict parser, no promise or stream on the way of a byte. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { clock } = options;
  const idleExpiryMs = options.idleExpiryMs ?? 4000;
  const maxIdle = options.maxIdlePerOrigin ?? 1024;
  const idle = new Map<string, Connection[]>();
  const connections = new Set<Connection>();
  const calls = new Set<RequestCall>();
  let closing = false;

  const connectionHost: ConnectionHost = {
    dialer: { lookup: createLookup(() => clock.monotonicMs()), sessions: new Map() },
    readBuffer: Buffer.allocUnsafeSlow(readBufferBytes),
    onClosed(connection) {
      connections.delete(connection);
      const list = idle.get(connection.origin.key);
      const at = list?.indexOf(connection) ?? -1;
      if (at >= 0) list!.splice(at, 1);
      if (list?.length === 0) idle.delete(connection.origin.key);
    },
  };

  const callHost: CallHost = {
    nowMs: () => clock.monotonicMs(),
    connect(call, fresh) {
      const known = fresh ? undefined : takeIdle(call.request.origin);
      if (known) {
        known.assign(call);
        return known;
      }
      const connection = new Connection(call.request.origin, connectionHost, call);
      connections.add(connection);
      return connection;
    },
    released(connection) {
      const key = connection.origin.key;
      const list = idle.get(key);
      if (closing || (list && list.length >= maxIdle)) return connection.destroy();
      connection.idleSinceMs = clock.monotonicMs();
      if (list) list.push(connection);
      else idle.set(key, [connection]);
    },
    over: (call) => void calls.delete(call),
  };

  /** The one used last: the others may then grow old and be closed. */
  function takeIdle(origin: Origin): Connection | undefined {
    const list = idle.get(origin.key);
    const now = clock.monotonicMs();
    for (let connection = list?.pop(); connection; connection = list?.pop()) {
      if (connection.reusable && now - connection.idleSinceMs < expiryOf(connection)) return connection;
      connection.destroy();
    }
    return undefined;
  }

  function expiryOf(connection: Connection): number {
    const promised = connection.keepAliveSeconds;
    return promised < 0 ? idleExpiryMs : Math.min(idleExpiryMs * 15, Math.max(0, promised * 1000 - 1000));
  }

  const timer = setInterval(() => {
    const now = clock.monotonicMs();
    for (const call of calls) call.checkTime(now);
    for (const list of idle.values()) {
      for (const connection of [...list])
        if (now - connection.idleSinceMs >= expiryOf(connection)) connection.destroy();
    }
  }, options.tickMs ?? 100);
  timer.unref();

  return {
    start(request: UpstreamRequest, sink: UpstreamSink) {
      let head: string;
      try {
        head = renderHead(request);
      } catch (thrown) {
        let cancelled = false;
        setImmediate(() => {
          if (!cancelled) sink.onFault(faultFrom(thrown));
        });
        return { pause() {}, resume() {}, cancel: () => (cancelled = true) };
      }
      const call = new RequestCall(request, head, { sink, host: callHost });
      calls.add(call);
      call.begin(false);
      return call;
    },
    stats() {
      let waiting = 0;
      for (const list of idle.values()) waiting += list.length;
      return { open: connections.size, idle: waiting, active: connections.size - waiting };
    },
    close() {
      closing = true;
      clearInterval(timer);
      for (const list of [...idle.values()]) for (const connection of [...list]) connection.destroy();
    },
  };
}
