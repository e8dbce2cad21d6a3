import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';
import type { CorsSettings } from './schema.ts';

const ownExposed = [
  'x-sluice-exchange',
  'x-sluice-dropped',
  'x-request-id',
  'request-id',
  'retry-after',
  'ratelimit',
  'ratelimit-policy',
];

/** Cross-origin rules (https://fetch.spec.whatwg.org/#http-cors-protocol). */
export const cors: PolicyKind<CorsSettings> = {
  name: 'cors',
  create: (settings) => createCors(settings),
};

/** @throws RangeError for "*" with credentials. */
function createCors(settings: CorsSettings): Policy {
  const any = settings.origins.includes('*');
  const credentials = settings.credentials ?? false;
  if (any && credentials)
    throw new RangeError('cors: "*" lets every page in; with credentials, name the origins');
  const methods = (settings.methods ?? ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).join(', ');
  const headers = (settings.headers ?? ['authorization', 'content-type', 'x-api-key']).join(', ');
  const exposed = [...ownExposed, ...(settings.expose ?? [])].join(', ');
  const maxAge = String(settings.maxAgeSeconds ?? 600);

  /** The origin to name in the answer; null when the page is not let in. `null`, an opaque origin, must be listed. */
  const allowed = (exchange: Exchange): string | null => {
    const origin = headerOf(exchange.head.headers, 'origin');
    if (origin === undefined) return null;
    if (settings.origins.includes(origin)) return origin;
    return any && origin !== 'null' ? '*' : null;
  };
  const granted = (origin: string) => [
    'access-control-allow-origin',
    origin,
    ...(credentials ? ['access-control-allow-credentials', 'true'] : []),
  ];
  return {
    name: 'cors',
    summary: `lets pages of ${settings.origins.join(', ')} in${credentials ? ', with credentials' : ''}`,
    onHead(exchange) {
      const { head } = exchange;
      const wanted = headerOf(head.headers, 'access-control-request-method');
      if (head.method !== 'OPTIONS' || wanted === undefined || headerOf(head.headers, 'origin') === undefined)
        return;
      const grant =
        allowed(exchange) === null
          ? []
          : [
              'access-control-allow-methods',
              methods,
              'access-control-allow-headers',
              headers,
              'access-control-max-age',
              maxAge,
            ];
      exchange.shortAnswer = { status: 204, headers: grant, body: null };
    },
    // Also on refusals: a page may know why it was refused.
    onAnswer(exchange, _status, answered) {
      const kept: string[] = [];
      for (let i = 0; i < answered.length; i += 2) {
        // The gateway decides, not the upstream.
        if (!isGrant(answered[i]!)) kept.push(answered[i]!, answered[i + 1]!);
      }
      if (!any) kept.push('vary', 'Origin');
      const origin = allowed(exchange);
      return origin === null ? kept : [...kept, ...granted(origin), 'access-control-expose-headers', exposed];
    },
  };
}

const isGrant = (name: string) =>
  name === 'access-control-allow-origin' ||
  name === 'access-control-allow-credentials' ||
  name === 'access-control-expose-headers';
