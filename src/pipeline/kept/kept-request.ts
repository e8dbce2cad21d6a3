import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import type { KeptUse } from '#core/contracts/keeping.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import type { Provider } from '#core/target.ts';
import { traceHeaders } from '#core/trace-context.ts';
import { Fault } from '#core/fault.ts';
import { editHeaders, passingHeaders } from '../outbound-call.ts';
import type { Endpoint } from '../gateway.ts';
import type { Passage } from '../passage.ts';

export interface KeptCall {
  readonly dialect: Dialect;
  readonly line: CallLine;
  readonly use: KeptUse;
}

/** A body and its media type. */
export interface KeptBody {
  readonly content: UpstreamRequest['body'];
  readonly contentType: string;
}

/** The provider of this name as it speaks the dialect. @throws Fault when the configuration has none such any more. */
export function speakerNamed(
  { gateway }: Passage,
  { dialect }: Pick<KeptCall, 'dialect'>,
  name: string,
): Provider {
  const provider = gateway.snapshot.providers[name];
  const speaker = provider ? gateway.speaking(provider, dialect) : null;
  if (speaker?.dialect === dialect.name) return speaker;
  const message = `It is kept at the provider "${name}", which the gateway does not reach in ${dialect.name} any more.`;
  throw new Fault('upstream/unavailable', message);
}

/** The call for one provider: with the operator's credential, and nothing of the caller's but what the dialect lets pass. */
export function keptRequest(
  { exchange, gateway }: Passage,
  { dialect, line, use }: KeptCall,
  { provider, body }: { readonly provider: Provider; readonly body: KeptBody | null },
): UpstreamRequest {
  const endpoint = gateway.endpoint(provider);
  const passes = [...dialect.provider.passesHeaders, ...(use.passesHeaders ?? [])];
  const headers = [
    ...endpoint.headers,
    ...dialect.provider.headers(passingHeaders(exchange.head.headers, passes)),
    ...(body ? ['content-type', body.contentType] : []),
    'accept',
    use.raw ? '*/*' : 'application/json, text/event-stream',
    'accept-encoding',
    'identity',
    'x-sluice-exchange',
    exchange.id,
    ...traceHeaders(exchange.trace, exchange.trace.spanId),
  ];
  const { method } = line.operation;
  return {
    origin: endpoint.origin,
    method,
    path: prefixOf(endpoint, use) + pathOf(use, line.parameters) + queryOf(use, line.query),
    headers: editHeaders(headers, exchange.upstreamHeaders),
    body: body?.content ?? null,
    timeouts: provider.timeouts,
    idempotent: method === 'GET',
    upgrade: null,
  };
}

function prefixOf({ pathPrefix }: Endpoint, { before }: KeptUse): string {
  if (before === undefined) return pathPrefix;
  const last = pathPrefix.lastIndexOf('/');
  return last < 0 ? `/${before}` : `${pathPrefix.slice(0, last)}/${before}${pathPrefix.slice(last)}`;
}

const pathOf = ({ to }: KeptUse, parameters: CallLine['parameters']): string =>
  to.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ''));

/** Only parameters that the dialect names go on, written anew. */
function queryOf({ query }: KeptUse, given: string): string {
  const passing = [...new URLSearchParams(given)].filter(([name]) => query.includes(name));
  return passing.length ? `?${new URLSearchParams(passing).toString()}` : '';
}
