import { Fault } from '#core/fault.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { canonicalHead, type Peer } from '../canonical-head.ts';

export interface Http2Request {
  /** Names and values alternating, pseudo-fields among them, as received. */
  readonly fields: readonly string[];
  /** No body follows (END_STREAM). */
  readonly bodiless: boolean;
}

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const methodToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const targetText = /^[\x21-\x7e\x80-\xff]+$/;
const known = new Set([':method', ':scheme', ':authority', ':path', ':protocol']);
/** Fields of a connection of HTTP/1.1 (RFC 9113 §8.2.2). */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What was sent, taken apart. */
interface Parts {
  readonly pseudo: ReadonlyMap<string, string>;
  /** The fields that are forwarded, cookies joined. */
  readonly fields: string[];
  readonly bytes: number;
}

/**
 * The one canonical form of a request of HTTP/2: the same judgement as for HTTP/1.1, after what that version leaves to
 * its framing. A WebSocket (RFC 8441) becomes what the same wish is in HTTP/1.1.
 * @throws Fault `request/malformed`, `request/headers-too-large` or `request/expectation`.
 */
export function http2Head(request: Http2Request, peer: Peer, rules: HeadRules): RequestHead {
  const { pseudo, fields, bytes } = takeApart(request.fields);
  if (bytes > rules.headerBytes)
    throw new Fault('request/headers-too-large', 'The header block is larger than this gateway allows.');
  const method = required(pseudo, ':method');
  const protocol = pseudo.get(':protocol');
  if (!methodToken.test(method)) throw malformed('The method is not a token.', ':method');
  if (method === 'CONNECT' && protocol === undefined)
    throw malformed('CONNECT is not offered: this is not a forward proxy.', ':method');
  if (!/^https?$/.test(required(pseudo, ':scheme')))
    throw malformed('The scheme is neither "http" nor "https".', ':scheme');
  const url = required(pseudo, ':path');
  if (!targetText.test(url) || !(url.startsWith('/') || (url === '*' && method === 'OPTIONS')))
    throw malformed('The path does not begin with "/", or holds a space or a control character.', ':path');
  const host = authorityOf(pseudo, fields);
  const rest = withoutHost(fields);
  const raw = { url, method, rawHeaders: ['host', host, ...rest] };
  if (protocol !== undefined) return websocketHead(raw, protocol, { peer, method, rules });
  const head = canonicalHead(raw, peer);
  return { ...head, contentLength: lengthOf(head, request.bodiless) };
}

export interface HeadRules {
  readonly headerBytes: number;
  readonly websocket: boolean;
  /** A value of Sec-WebSocket-Key: HTTP/2 has none, and an upstream of HTTP/1.1 wants one. */
  newWebSocketKey(): string;
}

/** What canonicalHead takes. */
interface Raw {
  readonly url: string;
  readonly method: string;
  readonly rawHeaders: readonly string[];
}

function websocketHead(
  raw: Raw,
  protocol: string,
  { peer, method, rules }: { peer: Peer; method: string; rules: HeadRules },
): RequestHead {
  if (method !== 'CONNECT') throw malformed('":protocol" is for CONNECT only (RFC 8441 §4).', ':protocol');
  if (!rules.websocket || protocol.toLowerCase() !== 'websocket')
    throw malformed('The only protocol that could be opened by CONNECT is "websocket".', ':protocol');
  const headers = raw.rawHeaders.filter((_, i, all) => !all[i - (i % 2)]!.startsWith('sec-websocket-key'));
  const asked = [
    'connection',
    'Upgrade',
    'upgrade',
    'websocket',
    'sec-websocket-key',
    rules.newWebSocketKey(),
  ];
  const head = canonicalHead({ url: raw.url, method: 'GET', rawHeaders: [...headers, ...asked] }, peer);
  return { ...head, contentLength: 0 };
}

function takeApart(received: readonly string[]): Parts {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  let cookie: string | null = null;
  let bytes = 0;
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i]!;
    const value = received[i + 1]!;
    bytes += name.length + value.length + 4;
    if (name.startsWith(':')) {
      if (!known.has(name) || pseudo.has(name))
        throw malformed('A pseudo-field is unknown or came twice.', name);
      pseudo.set(name, value);
    } else if (name === 'cookie') cookie = cookie === null ? value : `${cookie}; ${value}`;
    else {
      checkField(name, value);
      fields.push(name, value);
    }
  }
  if (cookie !== null) {
    checkField('cookie', cookie);
    fields.push('cookie', cookie);
  }
  return { pseudo, fields, bytes };
}

function checkField(name: string, value: string): void {
  if (!token.test(name)) throw malformed('The name of a header is not a token in lower case.');
  if (!fieldValue.test(value)) throw malformed(`The header "${name}" holds a control character.`, name);
  if (connectionFields.has(name)) throw malformed(`HTTP/2 has no header "${name}" (RFC 9113 §8.2.2).`, name);
  if (name === 'te' && value.toLowerCase() !== 'trailers')
    throw malformed('The only value of "te" in HTTP/2 is "trailers" (RFC 9113 §8.2.2).', name);
  if (name === 'expect' && value.toLowerCase() !== '100-continue')
    throw new Fault('request/expectation', 'The Expect header asks for something other than 100-continue.');
}

/** RFC 9113 §8.3.1: what `:authority` says counts, and a Host that says something else is refused. */
function authorityOf(pseudo: ReadonlyMap<string, string>, fields: readonly string[]): string {
  const authority = pseudo.get(':authority');
  const hosts = fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === 'host');
  if (hosts.length > 1) throw malformed('The header "host" came twice. Send it once.', 'host');
  const host = authority ?? hosts[0];
  if (host === undefined) throw malformed('Neither ":authority" nor Host is given.', ':authority');
  if (hosts[0] !== undefined && hosts[0].toLowerCase() !== host.toLowerCase())
    throw malformed('":authority" names another host than the Host header.', 'host');
  return host;
}

const withoutHost = (fields: readonly string[]): string[] =>
  fields.filter((_, i) => fields[i - (i % 2)] !== 'host');

function required(pseudo: ReadonlyMap<string, string>, name: string): string {
  const value = pseudo.get(name);
  if (value === undefined || value === '') throw malformed(`"${name}" is missing.`, name);
  return value;
}

/** Null: it ends where the stream does. */
function lengthOf({ headers }: RequestHead, bodiless: boolean): number | null {
  const length = headerOf(headers, 'content-length');
  // 15 digits stay exact in a double.
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw malformed('Content-Length is not one number.', 'content-length');
  if (bodiless && Number(length ?? 0) !== 0)
    throw malformed('A body was announced, and none came.', 'content-length');
  if (bodiless) return 0;
  return length === undefined ? null : Number(length);
}

const malformed = (message: string, field?: string): Fault =>
  new Fault('request/malformed', message, field === undefined ? {} : { field });
