import type { PlainAnswer } from '#core/contracts/answer-encoder.ts';
import { headerOf, type HeaderList, type RequestHead } from '#core/head.ts';

export interface Choice {
  /** Exact types, `text/*`, `+json`. */
  readonly types: ReadonlySet<string>;
  readonly minBytes: number;
}

/** Whose value says something about the very bytes that would become others (RFC 9530). */
const digests = ['content-digest', 'repr-digest', 'digest', 'content-md5'];

/**
 * Would this answer be compressed for a client that accepts it? HEAD is answered here as GET would be; the answer's
 * headers depend on the client's in either case.
 */
export function isEligible(head: RequestHead, plain: PlainAnswer, choice: Choice): boolean {
  const { status, headers, lengthBytes } = plain;
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
  if (lengthBytes !== null && lengthBytes < choice.minBytes) return false;
  const encoding = headerOf(headers, 'content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false;
  if (!typeMatches(headerOf(headers, 'content-type'), choice.types)) return false;
  if (headerOf(headers, 'content-range') !== undefined || headerOf(head.headers, 'range') !== undefined)
    return false;
  if (mustNotTransform(headers) || mustNotTransform(head.headers)) return false;
  return !digests.some((name) => headerOf(headers, name) !== undefined);
}

function typeMatches(value: string | undefined, types: ReadonlySet<string>): boolean {
  if (value === undefined) return false;
  const semicolon = value.indexOf(';');
  const type = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
  // A reader of events waits for each of them; gRPC compresses its messages itself.
  if (type === 'text/event-stream' || type.startsWith('application/grpc')) return false;
  if (types.has(type)) return true;
  const plus = type.lastIndexOf('+');
  if (plus > 0 && types.has(type.slice(plus))) return true;
  const slash = type.indexOf('/');
  return slash > 0 && types.has(`${type.slice(0, slash)}/*`);
}

/** RFC 9111 §5.2.1.6, §5.2.2.6. */
function mustNotTransform(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cache-control') continue;
    if (headers[i + 1]!.split(',').some((word) => word.trim().toLowerCase() === 'no-transform')) return true;
  }
  return false;
}
