import type { Clock } from '#core/contracts/clock.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom } from '#core/fault.ts';
import { ConnectionPool } from './connection-pool.ts';
import { RequestCall, type CallHost } from './request-call.ts';
import { Http2Client } from './http2/http2-client.ts';
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

/**
 * Our client. HTTP/1.1 by pooled connections and a strict parser, without a promise or stream on the way of a byte; HTTP/2,
 * where an origin says so, by node:http2.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const nowMs = () => options.clock.monotonicMs();
  const dialer = { resolveName: createResolver(nowMs), secureSockets: new SecureSockets() };
  const http2 = new Http2Client({ dialer, nowMs });
  const pool = new ConnectionPool({
    dialer,
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
    http2.tick(now);
    if (calls.size > 0 || pool.idleCount > 0 || http2.busy || timer === null) return;
    clearInterval(timer);
    timer = null;
  };

  const watch = () => void (timer ??= setInterval(tick, options.tickMs ?? 100).unref());

  function startHttp2(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    let call: UpstreamCall;
    const delegate: UpstreamCall = {
      pause: () => call.pause(),
      resume: () => call.resume(),
      cancel: () => call.cancel(),
    };
    try {
      // Whatever was paused or cancelled meanwhile had nothing to act upon yet but this call.
      call = http2.start(request, sink, () => (call = startHttp1(request, sink)));
    } catch (thrown) {
      return failedCall(thrown, sink);
    }
    watch();
    return delegate;
  }

  function startHttp1(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    let head: string;
    try {
      head = renderHead(request);
    } catch (thrown) {
      return failedCall(thrown, sink);
    }
    watch();
    const call = new RequestCall(request, head, { sink, host });
    calls.add(call);
    call.start();
    return call;
  }

  return {
    start(request, sink) {
      const { origin, upgrade } = request;
      // A WebSocket is opened by HTTP/1.1.
      if (origin.http2 === undefined || upgrade !== null || http2.speaksHttp1(origin))
        return startHttp1(request, sink);
      return startHttp2(request, sink);
    },
    stats() {
      const { open: sessions, idle: restful } = http2.stats();
      const open = pool.openCount + sessions;
      const idle = pool.idleCount + restful;
      return { open, idle, active: open - idle };
    },
    close() {
      pool.close();
      http2.close();
    },
  };
}

function failedCall(thrown: unknown, sink: UpstreamSink): UpstreamCall {
  let cancelled = false;
  setImmediate(() => {
    if (!cancelled) sink.onFault(faultFrom(thrown));
  });
  return { pause() {}, resume() {}, cancel: () => void (cancelled = true) };
}
