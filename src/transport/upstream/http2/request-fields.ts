import type { OutgoingHttpHeaders } from 'node:http2';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';

/** HTTP/2 has no fields of the connection (RFC 9113 §8.2.2); the length is said anew. */
const left = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const badValue = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/;
const goodTarget = /^[\x21-\x7e]+$/;

/** The fields of a request, as node:http2 takes them. @throws Fault `request/malformed`. */
export function requestFields({ method, path, headers, body, origin }: UpstreamRequest): OutgoingHttpHeaders {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method) || method === 'CONNECT')
    throw malformed('The method is not one that can be sent to an upstream.', 'method');
  if (!goodTarget.test(path)) throw malformed('The path holds characters that no request can carry.', 'path');
  const fields = Object.create(null) as Record<string, string | string[]>;
  let authority = `${origin.host}:${origin.port}`;
  const named = Object.create(null) as Record<string, string | string[]>;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1]!;
    if (name === 'host') authority = value;
    if (left.has(name) || (name === 'te' && value !== 'trailers')) continue;
    if (!token.test(name)) throw malformed('The name of a header is not one.', 'headers');
    if (badValue.test(value))
      throw malformed(`The header "${name}" holds characters that no header can carry.`, name);
    const before = named[name];
    if (before === undefined) named[name] = value;
    else if (typeof before === 'string') named[name] = [before, value];
    else before.push(value);
  }
  fields[':method'] = method;
  fields[':scheme'] = origin.secure ? 'https' : 'http';
  fields[':authority'] = authority;
  fields[':path'] = path;
  const length = body === null ? null : Buffer.isBuffer(body) ? body.length : body.lengthBytes;
  if (length !== null) named['content-length'] = String(length);
  return Object.assign(fields, named);
}

const malformed = (message: string, field: string) => new Fault('request/malformed', message, { field });
