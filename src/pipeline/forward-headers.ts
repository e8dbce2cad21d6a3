import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { connectionOptions } from './call-headers.ts';
import { editHeaders } from './outbound-call.ts';
import { traceHeaders } from '#core/trace-context.ts';
import type { Passage } from './passage.ts';

/** Fields of one connection (RFC 9110 §7.6.1), and framing, which each side makes anew. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const requestFraming = new Set([
  'host',
  'content-length',
  'expect',
  'x-sluice-exchange',
  'traceparent',
  'tracestate',
  'via',
  'forwarded',
]);
/**
 * What a proxy that ends TLS says of a client's certificate (RFC 9440, and older fields without a standard). From anybody
 * else it is a claim that no upstream may see.
 */
const certificateFields = new Set([
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  'x-client-cert-chain',
  'x-client-certificate',
  'x-client-dn',
  'x-client-verify',
  'ssl-client-cert',
  'ssl-client-issuer-dn',
  'ssl-client-subject-dn',
  'ssl-client-verify',
  'x-ssl-cert',
  'x-ssl-client-cert',
  'x-ssl-client-cn',
  'x-ssl-client-dn',
  'x-ssl-client-s-dn',
  'x-ssl-client-i-dn',
  'x-ssl-client-sha1',
  'x-ssl-client-fingerprint',
  'x-ssl-client-serial',
  'x-ssl-client-verify',
  'x-amzn-mtls-clientcert',
  'x-amzn-mtls-clientcert-leaf',
  'x-amzn-mtls-clientcert-subject',
  'x-amzn-mtls-clientcert-issuer',
  'x-amzn-mtls-clientcert-serial-number',
  'x-amzn-mtls-clientcert-validity',
]);
/** Not to go on, from a peer that is not trusted. */
const strangersFields = new Set([...hopByHop, ...requestFraming, ...certificateFields]);
const ownFields = new Set([...hopByHop, ...requestFraming]);
/** A client that asks to have these removed on the way wants the upstream to see another request than was judged. */
const endToEnd = new Set([
  'host',
  'authorization',
  'cookie',
  'content-length',
  'content-type',
  'x-api-key',
  'traceparent',
]);
const pseudonym = 'sluice';
const maxPasses = 8;

export interface Hop {
  readonly host: string;
  /** Can the upstream be told that trailers are taken? HTTP/1.1 would need a field of the connection for it. */
  readonly trailers: boolean;
  /** What the upstream goes on below, of the exchange's trace. */
  readonly spanId: string;
}

/** @throws Fault `request/malformed` or `request/loop`. */
export function requestHeaders(passage: Passage, { host, trailers, spanId }: Hop): HeaderList {
  const { exchange } = passage;
  const { head } = exchange;
  const options = connectionOptions(head.headers);
  const abused = options.find((option) => endToEnd.has(option) || option.startsWith('x-forwarded-'));
  if (abused) {
    throw new Fault(
      'request/malformed',
      `The Connection header names "${abused}", which is not a field of the connection.`,
    );
  }
  const dropped = head.peer.trusted ? ownFields : strangersFields;
  const headers: string[] = ['host', host];
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!;
    if (dropped.has(name) || options.includes(name)) continue;
    // An underscore is read as a hyphen by many servers (CGI): it could pass for a header that is checked here.
    if (name.includes('_') || name.startsWith('x-forwarded-') || exchange.consumedHeaders.includes(name))
      continue;
    headers.push(name, head.headers[i + 1]!);
  }
  // gRPC insists on it (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
  if (trailers && headerOf(head.headers, 'te') === 'trailers') headers.push('te', 'trailers');
  headers.push(...forwarding(passage), 'via', via(head.headers));
  headers.push('x-sluice-exchange', exchange.id, ...traceHeaders(exchange.trace, spanId));
  return editHeaders(headers, exchange.upstreamHeaders);
}

/** Who asked, as far as it is known. What an untrusted peer says of itself is not passed on. */
function forwarding({ exchange }: Passage): string[] {
  const { head } = exchange;
  const before = head.peer.trusted ? headerOf(head.headers, 'x-forwarded-for') : undefined;
  const proto = head.peer.trusted ? headerOf(head.headers, 'x-forwarded-proto') : undefined;
  const host = head.peer.trusted ? headerOf(head.headers, 'x-forwarded-host') : undefined;
  return [
    'x-forwarded-for',
    before === undefined ? head.peer.address : `${before}, ${head.peer.address}`,
    'x-forwarded-proto',
    proto ?? head.scheme,
    'x-forwarded-host',
    host ?? head.authority,
  ];
}

/** RFC 9110 §7.6.3; a hop may have written its entry on a line of its own. @throws Fault `request/loop`. */
function via(headers: HeaderList): string {
  const before: string[] = [];
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'via') before.push(headers[i + 1]!);
  if (before.length === 0) return `1.1 ${pseudonym}`;
  const line = before.join(', ');
  const passes = line.split(',').filter((entry) => entry.trim().split(/[ \t]+/)[1] === pseudonym).length;
  if (passes >= maxPasses) {
    throw new Fault(
      'request/loop',
      `The request has passed this gateway ${passes} times: two routes lead to each other.`,
    );
  }
  return `${line}, 1.1 ${pseudonym}`;
}

export function responseHeaders(headers: HeaderList): string[] {
  const options = connectionOptions(headers);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (!hopByHop.has(name) && !options.includes(name)) kept.push(name, headers[i + 1]!);
  }
  kept.push('via', `1.1 ${pseudonym}`);
  return kept;
}
