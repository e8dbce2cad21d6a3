import type { AttemptRecord } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import type { Answer } from './answer.ts';
import { attemptResult } from './attempt-result.ts';
import { countedBody } from './counted-body.ts';
import { requestHeaders } from './forward-headers.ts';
import type { HttpUpstream } from './gateway.ts';
import { HttpAttempt } from './http-attempt.ts';
import type { Passage } from './passage.ts';
import { recordIntent } from './record-intent.ts';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * Answers an http route: the request goes to the next upstream, bodies flow both ways as they come.
 * @throws Fault when nothing of an answer was delivered.
 */
export async function forward(passage: Passage): Promise<Answer> {
  const { exchange, gateway } = passage;
  const route = passage.route.route as HttpRoute;
  const { head } = exchange;
  if (head.method === 'TRACE') throw new Fault('route/method-not-allowed', 'TRACE is not forwarded.');
  if (head.contentLength !== null && head.contentLength > route.bodyBytes) {
    throw new Fault(
      'request/body-too-large',
      `The body is larger than the ${route.bodyBytes} bytes this route allows.`,
    );
  }
  const upgrade = upgradeWanted(passage, route);
  const pool = gateway.upstreamsOf(route.upstream);
  const lease = pool.take({ affinity: null, tried: [], again: false, nowMs: gateway.clock.nowMs() });
  if (!lease) throw new Fault('upstream/unavailable', `No upstream of ${pool.name} is in service.`);
  let fault: Fault | null = null;
  try {
    return await tryUpstream(passage, lease.member.target, upgrade);
  } catch (thrown) {
    throw (fault = faultFrom(thrown));
  } finally {
    lease.end(attemptResult(exchange, fault, gateway.clock.nowMs()));
  }
}

async function tryUpstream(
  passage: Passage,
  upstream: HttpUpstream,
  upgrade: string | null,
): Promise<Answer> {
  const { exchange, gateway } = passage;
  const route = passage.route.route as HttpRoute;
  const { head, inbound } = exchange;
  const record: AttemptRecord = {
    number: exchange.attempts.length + 1,
    target: null,
    provider: upstream.name,
    startedAtMs: gateway.clock.nowMs(),
    endedAtMs: 0,
    status: 0,
    fault: null,
    upstreamId: null,
    usage: null,
    work: 'none',
    seen: null,
    inputText: null,
  };
  await recordIntent(passage, record);
  exchange.attempts.push(record);
  const isBodiless = head.contentLength === 0 || upgrade !== null;
  try {
    return await new HttpAttempt(passage, record).run(upstream.upstream, {
      origin: upstream.origin,
      method: head.method,
      path: upstreamPath(passage, route, upstream.pathPrefix),
      headers: requestHeaders(passage, route.preserveHost ? head.authority : upstream.host),
      body: isBodiless ? null : (passage.body ?? countedBody(inbound.body, route.bodyBytes, exchange)),
      timeouts: route.timeouts,
      idempotent: idempotent.has(head.method),
      upgrade,
    });
  } finally {
    record.endedAtMs = gateway.clock.nowMs();
  }
}

function upgradeWanted({ exchange }: Passage, route: HttpRoute): string | null {
  const { head } = exchange;
  if (!head.upgrade || !/\bupgrade\b/i.test(headerOf(head.headers, 'connection') ?? '')) return null;
  if (head.upgrade.toLowerCase() !== 'websocket') return null;
  if (!route.upgrade) throw new Fault('request/upgrade-refused', 'This route does not upgrade connections.');
  return 'websocket';
}

function upstreamPath({ exchange }: Passage, route: HttpRoute, pathPrefix: string): string {
  const { head } = exchange;
  const below = route.stripPrefix !== '' && `${head.path}/`.startsWith(`${route.stripPrefix}/`);
  const path = below ? head.path.slice(route.stripPrefix.length) || '/' : head.path;
  return `${pathPrefix}${path}${head.query === '' ? '' : `?${head.query}`}`;
}
