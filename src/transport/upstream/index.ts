import type { Clock } from '#core/contracts/clock.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom } from '#core/fault.ts';
import { ConnectionPool } from './connection-pool.ts';
import { RequestCall, type CallHost } from './request-call.ts';
import { renderHead } from './request-head.ts';
import { createResolver } from './resolve-name.ts';
import { SecureSockets } from './secure-socket.ts';

export interface UpstreamOptions {
  readonly clock: Clock;
  /** Idle connections are closed after this long (default 4000), unless the upstream promised its own time. */
  readonly idleExpiryMs?: number;
  /** Default 1024. */
  readonly maxIdlePerOrigin?: number;
  /** How often timeouts are looked at: their precision (default 100). */
  readonly tickMs?: number;
}

/** Our HTTP/1.1 client: pooled connections, a strict parser, no promise or stream on the way of a byte. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const nowMs = () => options.clock.monotonicMs();
  const pool = new ConnectionPool({
    dialer: { resolveName: createResolver(nowMs), secureSockets: new SecureSockets() },
    maxIdlePerOrigin: options.maxIdlePerOrigin ?? 1024,
    idleExpiryMs: options.idleExpiryMs ?? 4000,
    nowMs,
  });
  const calls = new Set<RequestCall>();
  let timer: NodeJS.Timeout | null = null;

  const host: CallHost = {
    nowMs,
    connect: (call, fresh) =>
      (fresh ? null : pool.take(call.request.origin, call)) ?? pool.open(call.request.origin, call),
    released: (connection) => pool.put(connection),
    over: (call) => void calls.delete(call),
  };

  /** One timer for everything, and none when there is nothing to watch. */
  const tick = () => {
    const now = nowMs();
    for (const call of calls) call.checkTime(now);
    pool.sweep(now);
    if (calls.size > 0 || pool.idleCount > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };

  return {
    start(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
      let head: string;
      try {
        head = renderHead(request);
      } catch (thrown) {
        return failedCall(thrown, sink);
      }
      timer ??= setInterval(tick, options.tickMs ?? 100).unref();
      const call = new RequestCall(request, head, { sink, host });
      calls.add(call);
      call.start();
      return call;
    },
    stats() {
      const { openCount: open, idleCount: idle } = pool;
      return { open, idle, active: open - idle };
    },
    close: () => pool.close(),
  };
}

function failedCall(thrown: unknown, sink: UpstreamSink): UpstreamCall {
  let cancelled = false;
  setImmediate(() => {
    if (!cancelled) sink.onFault(faultFrom(thrown));
  });
  return { pause() {}, resume() {}, cancel: () => void (cancelled = true) };
}
