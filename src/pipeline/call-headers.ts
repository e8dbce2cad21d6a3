import type { HeaderList } from '#core/head.ts';
import type { CallAttemptParts } from './call-attempt-parts.ts';

/** Headers of an upstream's answer that say something about the connection, the body's form, or the operator's account. */
const dropped = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'content-length',
  'content-encoding',
  'content-type',
  'cache-control',
  'content-md5',
  'content-digest',
  'digest',
  'etag',
  'date',
  'server',
  'via',
  'alt-svc',
  'set-cookie',
  'strict-transport-security',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'x-sluice-exchange',
]);

/**
 * Headers of a model's answer. Within a dialect the upstream's own pass; to another dialect its request id and its
 * limits do, under the names that the client looks for. The gateway's limits, where there are some, replace the upstream's.
 */
export function callHeaders(parts: CallAttemptParts, upstream: HeaderList, own: HeaderList): string[] {
  const { call, outbound, passage, record } = parts;
  const { exchange } = passage;
  const headers = [...own];
  const report = exchange.limits ?? (outbound.same ? null : outbound.dialect.provider.readLimits(upstream));
  const limits = report ? call.dialect.client.limitHeaders(report) : [];
  const taken = new Set(limits.filter((_, i) => i % 2 === 0));
  if (outbound.same) {
    headers.push(...passingHeaders(upstream, taken));
    if (record.upstreamId === null) headers.push(call.dialect.client.requestIdHeader, exchange.id);
  } else {
    headers.push(call.dialect.client.requestIdHeader, record.upstreamId ?? exchange.id);
  }
  headers.push(...limits);
  if (exchange.losses.length)
    headers.push('x-sluice-dropped', exchange.losses.map((loss) => loss.field).join(', '));
  if (outbound.maxTokens !== null) headers.push('x-sluice-max-tokens', String(outbound.maxTokens));
  if (record.number > 1) headers.push('x-sluice-attempts', String(record.number));
  return headers;
}

/** An upstream's own headers that a client of its dialect sees, without those that others have taken the place of. */
export function passingHeaders(upstream: HeaderList, taken: ReadonlySet<string> = new Set()): string[] {
  const passing: string[] = [];
  const named = connectionOptions(upstream);
  for (let i = 0; i < upstream.length; i += 2) {
    const name = upstream[i]!;
    if (!dropped.has(name) && !taken.has(name) && !named.includes(name)) passing.push(name, upstream[i + 1]!);
  }
  return passing;
}

/** Names listed in `Connection` belong to that connection alone (RFC 9110 §7.6.1). */
export function connectionOptions(headers: HeaderList): string[] {
  const options: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'connection')
      options.push(...headers[i + 1]!.split(',').map((o) => o.trim().toLowerCase()));
  }
  return options;
}
