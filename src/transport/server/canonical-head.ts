import { isIP } from 'node:net';
import { Fault } from '#core/fault.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import type { ClientCertificate } from '#core/listener.ts';

/** Headers that may come once only: two of them mean that two readers would see two requests. */
const single = new Set([
  'host',
  'content-length',
  'content-type',
  'authorization',
  'x-api-key',
  'expect',
  'upgrade',
  'transfer-encoding',
  'traceparent',
]);

/** What a parser knows of a request. */
export interface RawRequest {
  readonly method?: string | undefined;
  /** The request target, as received. */
  readonly url?: string | undefined;
  /** Names and values alternating, as received. */
  readonly rawHeaders: readonly string[];
}

/** Says where the connection comes from. */
export interface Peer {
  readonly address: string;
  readonly secure: boolean;
  /** May this peer name the client (`X-Forwarded-For`)? */
  readonly trusted: boolean;
  /** What is known of a connection under TLS that ends here. */
  readonly tls?: SecurePeer | null;
}

export interface SecurePeer {
  readonly clientCertificate: ClientCertificate | null;
  /** False for hosts of another certificate than the one that was shown. */
  mayServe(host: string): boolean;
}

/**
 * The one canonical form of a request (RFC 9110 §4.2.3, 9112 §3). What has two readings is refused, not repaired.
 * @throws Fault `request/malformed`, saying what and why; `route/misdirected` (RFC 9110 §15.5.20).
 */
export function canonicalHead(request: RawRequest, peer: Peer): RequestHead {
  const headers = canonicalHeaders(request.rawHeaders);
  const { authority, target } = splitTarget(request.url ?? '/', headerOf(headers, 'host'));
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const host = canonicalHost(authority);
  const tls = peer.tls ?? null;
  if (tls !== null && !tls.mayServe(host)) throw misdirected(host);
  const length = headerOf(headers, 'content-length');
  const chunked = headerOf(headers, 'transfer-encoding');
  if (chunked !== undefined && chunked.toLowerCase() !== 'chunked') {
    throw malformed('The only transfer coding understood is "chunked" (RFC 9112 §6.1).', 'transfer-encoding');
  }
  return {
    method: request.method ?? 'GET',
    scheme: peer.secure ? 'https' : 'http',
    host,
    authority,
    path: canonicalPath(rawPath),
    query: mark < 0 ? '' : target.slice(mark + 1),
    headers,
    clientAddress: clientAddress(headers, peer),
    peer: { address: peer.address, trusted: peer.trusted },
    clientCertificate: tls === null ? null : tls.clientCertificate,
    contentLength: chunked !== undefined ? null : length === undefined ? 0 : Number(length),
    upgrade: headerOf(headers, 'upgrade') ?? null,
  };
}

function malformed(message: string, field?: string): Fault {
  return new Fault('request/malformed', message, field === undefined ? {} : { field });
}

function misdirected(host: string): Fault {
  return new Fault(
    'route/misdirected',
    `This connection was opened to another host: ${host} has a certificate of its own. Open one to it.`,
  );
}

function canonicalHeaders(raw: readonly string[]): string[] {
  const headers: string[] = new Array(raw.length);
  let seen: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (single.has(name)) {
      seen ??= new Set();
      if (seen.has(name)) throw malformed(`The header "${name}" came twice. Send it once.`, name);
      seen.add(name);
    }
    headers[i] = name;
    headers[i + 1] = raw[i + 1]!;
  }
  return headers;
}

/** Origin-form, absolute-form (whose authority must then be the Host's) and `*` (RFC 9112 §3.2). */
function splitTarget(url: string, host: string | undefined): { authority: string; target: string } {
  if (host === undefined) throw malformed('The Host header is missing (RFC 9112 §3.2).', 'host');
  if (url.startsWith('/') || url === '*') return { authority: host, target: url === '*' ? '/' : url };
  const absolute = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(url);
  if (!absolute) throw malformed('The request target is neither a path nor an absolute http URL.');
  if (absolute[1]!.toLowerCase() !== host.toLowerCase()) {
    throw malformed('The request target names another host than the Host header.', 'host');
  }
  const rest = absolute[2]!;
  return { authority: host, target: rest.startsWith('/') ? rest : `/${rest}` };
}

const plainHost = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/;

function canonicalHost(authority: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:@/?#\s\\]*)(?::(\d{1,5}))?$/.exec(authority);
  const port = match?.[2] === undefined ? null : Number(match[2]);
  const host = match?.[1]?.toLowerCase() ?? '';
  const good = host.startsWith('[')
    ? isIP(host.slice(1, -1)) === 6
    : plainHost.test(host) && host.length <= 254;
  if (!match || !good || (port !== null && (port < 1 || port > 65535))) {
    throw malformed('The Host header is not a host name or address with an optional port.', 'host');
  }
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

const plainPath = /^(?:\/[\w~!$&'()*+,=:@-]+(?:\.+[\w~!$&'()*+,=:@-]+)*)*\/?$/;

/**
 * A path that has one reading. Encoded backslashes, NUL and other controls, dot segments in any spelling, path parameters,
 * empty segments and overlong UTF-8 are refused. An encoded slash stays one (see the pipeline's `findRoute`). Escapes of unreserved characters are decoded and all
 * others written in upper case (RFC 3986 §6.2.2).
 */
export function canonicalPath(raw: string): string {
  if (plainPath.test(raw)) return raw;
  if (/[^\x21-\x7e]/.test(raw) || raw.includes('\\') || raw.includes('#')) {
    throw malformed('The path holds characters that must be percent-encoded.');
  }
  if (/%(?![0-9a-fA-F]{2})/.test(raw))
    throw malformed('The path holds a "%" that is not followed by two hex digits.');
  if (/%(?:5c|0[0-9a-f]|1[0-9a-f]|7f)/i.test(raw))
    throw malformed('The path holds an encoded backslash or control character.');
  if (raw.includes(';')) throw malformed('The path holds a ";": path parameters have no agreed meaning.');
  try {
    decodeURIComponent(raw);
  } catch {
    throw malformed('The escapes of the path are not valid UTF-8.');
  }
  const path = raw.replace(/%[0-9a-fA-F]{2}/g, (escape) => {
    const c = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(c) ? c : escape.toUpperCase();
  });
  // Judged as it is passed on: `%25%32%66` is written without an escape of an escape, and becomes one.
  if (/%25[0-9a-f]{2}/i.test(path)) throw malformed('The path holds a doubly encoded character.');
  const segments = path.split('/');
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!;
    if (segment === '.' || segment === '..') throw malformed('The path holds a dot segment.');
    if (segment === '' && i < segments.length - 1) throw malformed('The path holds an empty segment ("//").');
    if (/(?:\.|%20)$/.test(segment)) throw malformed('A segment of the path ends in a dot or a space.');
  }
  return path;
}

function clientAddress(headers: readonly string[], peer: Peer): string {
  if (!peer.trusted) return peer.address;
  const named = headerOf(headers, 'x-forwarded-for')?.split(',').at(-1)?.trim();
  return named !== undefined && isIP(named) ? named : peer.address;
}
