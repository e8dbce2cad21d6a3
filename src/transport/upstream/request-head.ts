import { Fault } from '#core/fault.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';

/** Framing and the connection's own fields are this client's business (RFC 9110 §7.6.1). */
const owned = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'te',
  'upgrade',
  'expect',
  'proxy-connection',
]);
/** Methods whose requests usually have no body, and then say nothing about its length (RFC 9110 §8.6). */
const bodiless = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
const goodTarget = /^[\x21-\x7e]+$/;

/** The request line and header block, as latin1 text. @throws Fault `request/malformed`. */
export function renderHead(request: UpstreamRequest): string {
  const { method, path, headers, upgrade } = request;
  if (!token.test(method) || method === 'CONNECT')
    throw malformed('The method is not one that can be sent to an upstream.', 'method');
  if (!goodTarget.test(path))
    throw malformed('The path holds characters that no request line can carry.', 'path');
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (owned.has(name)) continue;
    const value = headers[i + 1]!;
    if (!token.test(name)) throw malformed('The name of a header is not one.', 'headers');
    if (badValue.test(value))
      throw malformed(`The header "${name}" holds characters that no header can carry.`, name);
    head += `${name}: ${value}\r\n`;
  }
  head += framingOf(request);
  if (upgrade === null) return `${head}connection: keep-alive\r\n\r\n`;
  if (badValue.test(upgrade))
    throw malformed('The protocol to upgrade to holds characters that no header can carry.', 'upgrade');
  return `${head}connection: Upgrade\r\nupgrade: ${upgrade}\r\n\r\n`;
}

function framingOf({ method, body }: UpstreamRequest): string {
  const length = body === null ? 0 : Buffer.isBuffer(body) ? body.length : body.lengthBytes;
  if (length === null) return 'transfer-encoding: chunked\r\n';
  return length === 0 && bodiless.has(method) ? '' : `content-length: ${length}\r\n`;
}

const malformed = (message: string, field: string) => new Fault('request/malformed', message, { field });
