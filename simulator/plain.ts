import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SimulatedCall } from './call-log.ts';
import { ClientWatch } from './client-watch.ts';
import { deliverJson } from './delivery.ts';
import { parseHeaderScript, parseJsonScript } from './script-source.ts';
import { renderFrame } from './sse.ts';

export interface PlainCall {
  request: IncomingMessage;
  response: ServerResponse;
  call: SimulatedCall;
  url: URL;
}

const SHOWN_BODY_BYTES = 65_536;
const PATTERN = Buffer.from(Array.from({ length: 65_536 }, (_, index) => index & 0xff));

/**
 * Answers JSON of what arrived. Status, latency and connection faults can be scripted by `x-simulate` or by
 * `?simulate=<JSON>`.
 */
export async function answerEcho({ request, response, call, url }: PlainCall, bytes: Buffer): Promise<void> {
  const query = url.searchParams.get('simulate');
  const script = {
    ...(query === null ? {} : parseJsonScript(query, 'query')),
    ...parseHeaderScript(request.headers['x-simulate']),
  };
  call.script = script;
  const isSmall = bytes.length <= SHOWN_BODY_BYTES;
  const headers: Record<string, string> = {};
  if (script.retryAfter !== undefined) headers['retry-after'] = String(script.retryAfter);
  const echo = {
    method: request.method,
    url: request.url,
    httpVersion: request.httpVersion,
    rawHeaders: request.rawHeaders,
    rawTrailers: request.rawTrailers,
    bodyLength: bytes.length,
    bodySha256: createHash('sha256').update(bytes).digest('hex'),
    body: isSmall ? bytes.toString('utf8') : null,
  };
  const watch = new ClientWatch(response, call);
  const acceptsGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const reply = { response, watch, call, script, acceptsGzip, headers };
  await deliverJson(reply, { status: script.status ?? 200, json: JSON.stringify(echo) });
}

/** Streams the request's body straight back, as it comes. */
export async function answerMirror({ request, response, call }: PlainCall): Promise<void> {
  new ClientWatch(response, call);
  const { 'content-type': type = 'application/octet-stream', 'content-length': length } = request.headers;
  response.setHeader('content-type', type);
  if (length !== undefined) response.setHeader('content-length', length);
  call.status = 200;
  response.flushHeaders();
  request.on('data', (chunk: Buffer) => (call.bodyBytes += chunk.length));
  request.once('end', () => (call.finished = 'complete'));
  // The watch records a client that leaves; there is nobody to tell the error.
  await pipeline(request, response).catch(() => undefined);
}

/** Answers `GET /bytes/N?chunk=&delayMs=`: N bytes counting 0 to 255, in chunks with pauses between. */
export async function answerBytes({ response, call, url }: PlainCall, count: number): Promise<void> {
  const watch = new ClientWatch(response, call);
  const chunkBytes = Math.max(1, Number(url.searchParams.get('chunk') ?? 65_536));
  const delayMs = Number(url.searchParams.get('delayMs') ?? 0);
  call.status = 200;
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': count });
  for (let sent = 0; sent < count;) {
    const from = sent & 0xff;
    const bytes = PATTERN.subarray(from, Math.min(PATTERN.length, from + Math.min(chunkBytes, count - sent)));
    if (watch.gone || (!response.write(bytes) && !(await watch.untilDrained(response)))) return;
    sent += bytes.length;
    call.chunks++;
    if (delayMs > 0 && !(await watch.wait(delayMs))) return;
  }
  call.finished = 'complete';
  response.end();
}

/** Answers `GET /sse?count=&delayMs=`: numbered events without a model behind them. */
export async function answerEvents({ response, call, url }: PlainCall): Promise<void> {
  const watch = new ClientWatch(response, call);
  const count = Number(url.searchParams.get('count') ?? 10);
  const delayMs = Number(url.searchParams.get('delayMs') ?? 0);
  call.status = 200;
  call.stream = true;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let index = 0; index < count; index++) {
    call.chunks++;
    const event = `id: ${index}\n${renderFrame({ kind: 'other', event: 'tick', data: { index } }, {})}`;
    if (watch.gone || (!response.write(event) && !(await watch.untilDrained(response)))) return;
    if (delayMs > 0 && !(await watch.wait(delayMs))) return;
  }
  call.finished = 'complete';
  response.end();
}

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Accepts the upgrade as RFC 6455 asks and then echoes raw bytes, frames or not. */
export function acceptUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const key = request.headers['sec-websocket-key'];
  const accept = key
    ? createHash('sha1')
        .update(key + WEBSOCKET_GUID)
        .digest('base64')
    : undefined;
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\n' +
      `Upgrade: ${request.headers.upgrade ?? 'websocket'}\r\nConnection: Upgrade\r\n` +
      `${accept ? `Sec-WebSocket-Accept: ${accept}\r\n` : ''}\r\n`,
  );
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
}
