import { Fault, faultFrom } from '#core/fault.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Meter } from '#core/meter.ts';
import { idempotentMethods } from '#core/retry-rules.ts';
import { withoutParameter } from '#core/query.ts';
import { capturedBy } from '#core/request-template.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import { attemptSpan } from '#core/trace-context.ts';
import { bodyLimit } from './body-limit.ts';
import { affinityOf, stickyOf } from './affinity.ts';
import { wholeAnswer, type Answer } from './answer.ts';
import { rewrittenHost, rewrittenPath, rewrittenQuery } from './destination/rewrite.ts';
import { requestHeaders } from './forward-headers.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import type { HttpUpstream } from './gateway.ts';
import { HttpAttempts } from './http-attempts.ts';
import { giveForFault } from './stored/give-stored.ts';
import { Mirror } from './mirror.ts';
import type { Passage } from './passage.ts';
import { RequestBody } from './request-body.ts';
import { editHeaders } from './outbound-call.ts';
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
  const limitBytes = bodyLimit(passage);
  if (head.contentLength !== null && head.contentLength > limitBytes) {
    throw new Fault(
      'request/body-too-large',
      `The body is larger than the ${limitBytes} bytes this route allows.`,
    );
  }
  if (head.method === 'OPTIONS' && isLastHop(exchange)) return lastHop(passage, route);
  const place = placeOf(passage, route);
  const upgrade = webSocketWanted(exchange, route);
  const pool = gateway.upstreamsOf(route.upstream);
  const retries = new Retries(
    {
      pool,
      rules: route.retries,
      method: head.method,
      affinity: affinityOf(pool, exchange, null),
      sticky: stickyOf(pool, exchange),
    },
    gateway,
  );
  const isBodiless = head.contentLength === 0 || upgrade !== null;
  const bounds = { limitBytes, keepBytes: route.retries.bufferBytes };
  // A body that was read to choose the route is at hand, and can be sent as often as need be.
  const streamed =
    isBodiless || passage.body ? null : new RequestBody(exchange.inbound.body, exchange, bounds);
  const body = isBodiless ? null : (passage.body ?? streamed);
  const requestTo = (upstream: HttpUpstream, host: string, spanId: string): UpstreamRequest => ({
    origin: upstream.origin,
    method: head.method,
    path: joined(upstream.pathPrefix, place.path),
    headers: readable(
      passage.route.meter,
      requestHeaders(passage, { host, spanId, trailers: upstream.origin.http2 !== undefined }),
    ),
    body,
    timeouts: route.timeouts,
    idempotent: idempotent.has(head.method),
    upgrade,
  });
  const { mirror } = route;
  if (mirror && upgrade === null) {
    const copy = Mirror.start(route, {
      passage,
      body: streamed ? undefined : (passage.body ?? null),
      request: (upstream, whole) => {
        const request = requestTo(upstream, place.host ?? upstream.host, exchange.trace.spanId);
        const headers = [...request.headers, 'x-sluice-mirror', route.name];
        const timeouts = { ...route.timeouts, totalMs: mirror.timeoutMs };
        return { ...request, headers, body: whole, timeouts, idempotent: false };
      },
    });
    if (streamed) streamed.tap = copy;
  }
  const attempts = new HttpAttempts({
    passage,
    retries,
    body: streamed,
    request: (upstream, number) => {
      const spanId = attemptSpan(exchange.trace, number);
      const request = requestTo(upstream, place.host ?? upstream.host, spanId);
      return upgrade === null
        ? request
        : { ...request, headers: handshakeHeaders(exchange, route, request.headers) };
    },
  });
  if (!exchange.intake) return attempts.run();
  return attempts.run().catch((thrown: unknown) => giveForFault(passage, faultFrom(thrown)));
}

/** An answer that is read to be billed is to come as it is. */
const readable = (meter: Meter | null, headers: HeaderList): HeaderList =>
  meter?.readsAnswer
    ? editHeaders(headers, [{ name: 'accept-encoding', value: 'identity', add: false }])
    : headers;

/** RFC 9110 §7.6.2: OPTIONS may say how far it is to go. One less is sent on. */
function isLastHop(exchange: Exchange): boolean {
  const hops = headerOf(exchange.head.headers, 'max-forwards');
  if (hops === undefined || !/^[0-9]{1,9}$/.test(hops)) return false;
  const left = Number(hops);
  if (left === 0) return true;
  exchange.upstreamHeaders.push({ name: 'max-forwards', value: String(left - 1), add: false });
  return false;
}

function lastHop(passage: Passage, { match }: HttpRoute): Answer {
  const headers = match.methods === null ? [] : ['allow', match.methods.join(', ')];
  return wholeAnswer(passage, { status: 204, headers, body: null });
}

interface Place {
  /** Path and query below the upstream's own path. */
  readonly path: string;
  /** Null names the upstream. */
  readonly host: string | null;
}

/** What is asked for of whichever upstream. @throws Fault `request/malformed` when it cannot be rewritten. */
function placeOf(passage: Passage, route: HttpRoute): Place {
  const { exchange } = passage;
  const { consumedParameter: used, place } = exchange;
  const asked = passage.query ?? place?.query ?? exchange.head.query;
  const query = used === null ? asked : withoutParameter(asked, used);
  const head = query === exchange.head.query ? exchange.head : { ...exchange.head, query };
  const { rewrite, stripPrefix } = route;
  const host = route.preserveHost ? head.authority : null;
  if (route.graphql) return { path: withQuery('', head.query), host };
  const below = stripPrefix !== '' && `${head.path}/`.startsWith(`${stripPrefix}/`);
  const came = below ? head.path.slice(stripPrefix.length) || '/' : head.path;
  // Policies see the route's own rewriting as what they may put something in the place of.
  const path = place?.path ?? came;
  if (rewrite === null) return { path: withQuery(path, head.query), host };
  const captured = capturedBy(route.match, head);
  return {
    path: withQuery(
      rewrite.path === null || place?.path ? path : rewrittenPath(rewrite.path, captured),
      rewrittenQuery(head, rewrite, captured),
    ),
    host: rewrite.host === null ? host : rewrittenHost(rewrite.host, captured),
  };
}

/** The upstream's own path and what is asked below it: not always anything. */
const joined = (prefix: string, path: string): string =>
  prefix === '' && !path.startsWith('/') ? `/${path}` : prefix + path;

const withQuery = (path: string, query: string): string => (query === '' ? path : `${path}?${query}`);
