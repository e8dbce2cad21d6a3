import { Fault } from '#core/fault.ts';
import { idempotentMethods } from '#core/retry-rules.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import { affinityOf } from './affinity.ts';
import type { Answer } from './answer.ts';
import { requestHeaders } from './forward-headers.ts';
import { HttpAttempts } from './http-attempts.ts';
import type { Passage } from './passage.ts';
import { RequestBody } from './request-body.ts';
import { Retries } from './retries.ts';
import { handshakeHeaders, webSocketWanted } from './websocket/handshake.ts';

const idempotent = new Set<string>(idempotentMethods);

/**
 * Answers an http route: the request goes to an upstream, and to others if that fails; bodies flow both ways as they come.
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
  const upgrade = webSocketWanted(exchange, route);
  const pool = gateway.upstreamsOf(route.upstream);
  const retries = new Retries(
    {
      pool,
      rules: route.retries,
      method: head.method,
      affinity: affinityOf(pool, exchange, null),
    },
    gateway,
  );
  const isBodiless = head.contentLength === 0 || upgrade !== null;
  const bounds = { limitBytes: route.bodyBytes, keepBytes: route.retries.bufferBytes };
  // A body that was read to choose the route is at hand, and can be sent as often as need be.
  const streamed =
    isBodiless || passage.body ? null : new RequestBody(exchange.inbound.body, exchange, bounds);
  const body = isBodiless ? null : (passage.body ?? streamed);
  return new HttpAttempts({
    passage,
    retries,
    body: streamed,
    request: (upstream) => {
      const headers = requestHeaders(passage, route.preserveHost ? head.authority : upstream.host);
      return {
        origin: upstream.origin,
        method: head.method,
        path: upstreamPath(passage, route, upstream.pathPrefix),
        headers: upgrade === null ? headers : handshakeHeaders(exchange, route, headers),
        body,
        timeouts: route.timeouts,
        idempotent: idempotent.has(head.method),
        upgrade,
      };
    },
  }).run();
}

function upstreamPath({ exchange }: Passage, route: HttpRoute, pathPrefix: string): string {
  const { head } = exchange;
  const below = route.stripPrefix !== '' && `${head.path}/`.startsWith(`${route.stripPrefix}/`);
  const path = below ? head.path.slice(route.stripPrefix.length) || '/' : head.path;
  return `${pathPrefix}${path}${head.query === '' ? '' : `?${head.query}`}`;
}
