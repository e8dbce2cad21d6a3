import { Fault } from '#core/fault.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';

/** Framing and the connection's own fields are this client's business. */
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
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
const badTarget = /[^\x21-\x7e]/;

/** The request line and header block, as latin1 text. @throws Fault `request/malformed`. */
export function renderHead(request: UpstreamRequest): string {
  const { headers, body, upgrade } = request;
  if (badTarget.test(request.path))
    throw new Fault('request/malformed', 'The path holds characters that no request line can carry.');
  let head = `${request.method} ${request.path} HTTP/1.1\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (owned.has(name)) continue;
    const value = headers[i + 1]!;
    if (badValue.test(value)) {
      throw new Fault(
        'request/malformed',
        `The header "${name}" holds characters that no header can carry.`,
        { field: name },
      );
    }
    head += `${name}: ${value}\r\n`;
  }
  if (upgrade !== null) return `${head}connection: Upgrade\r\nupgrade: ${upgrade}\r\n\r\n`;
  head += 'connection: keep-alive\r\n';
  if (body === null) {
    if (!bodiless.has(request.method)) head += 'content-length: 0\r\n';
  } else {
    const length = Buffer.isBuffer(body) ? body.length : body.lengthBytes;
    head += length === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`;
  }
  return `${head}\r\n`;
}
