import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Inbound } from '#core/contracts/inbound.ts';
import { Fault, faultKinds } from '#core/fault.ts';
import type { RequestLimits } from '#core/snapshot.ts';
import { canonicalHead, type Peer } from './canonical-head.ts';
import { NodeInbound, type UpgradeParts } from './node-inbound.ts';
import { createPeerJudge } from './trusted-peer.ts';

// Not by `import`: a module's namespace reads every export at once, and node:http's lazy ones pull in all of fetch,
// 15 MB for each thread.
const http = process.getBuiltinModule('node:http');

export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  /** Let other threads listen on the same port (Linux). */
  readonly reusePort: boolean;
  readonly limits: RequestLimits;
  /** Addresses and CIDR ranges of peers that may name the client. */
  readonly trustedProxies: readonly string[];
  onExchange(inbound: Inbound): void;
}

export interface Listener {
  readonly port: number;
  /** From now on every answer asks its client to leave. */
  drain(): void;
  /** Stops accepting; resolves when the last connection is gone, or after `graceMs`, when the others are cut. */
  close(graceMs: number): Promise<void>;
}

/** HTTP/1.1 on one port. Requests without one canonical reading never become exchanges: they are answered 400 here. */
export function listen(settings: ListenerSettings): Promise<Listener> {
  const { limits } = settings;
  const judge = createPeerJudge(settings.trustedProxies);
  let closing = false;
  const server = http.createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.bodyTimeoutMs,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 75_000,
    noDelay: true,
    insecureHTTPParser: false,
    requireHostHeader: false,
    shouldUpgradeCallback: (request) => /^websocket$/i.test(request.headers.upgrade ?? ''),
  });
  // Zero is "no limit": Node would otherwise drop headers beyond the limit silently, and the size is limited anyway.
  server.maxHeadersCount = 0;

  /** The last answer of each connection: an error of the parser must not be written into it. */
  const latest = new WeakMap<Duplex, ServerResponse>();
  const take = (
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: UpgradeParts | null,
    expects: boolean,
  ) => {
    latest.set(request.socket, response);
    let inbound: Inbound;
    try {
      const peer = peerOf(request, judge);
      const head = canonicalHead(request, peer);
      inbound = new NodeInbound(
        { request, response, upgrade, expectsContinue: expects },
        head,
        () => closing,
      );
    } catch (thrown) {
      refuse(
        response,
        thrown instanceof Fault ? thrown : new Fault('request/malformed', 'The request is not valid.'),
      );
      return;
    }
    settings.onExchange(inbound);
  };
  server.on('request', (request, response) => take(request, response, null, false));
  server.on('checkContinue', (request, response) => take(request, response, null, true));
  server.on('checkExpectation', (_request, response) => {
    refuse(
      response,
      new Fault('request/expectation', 'The Expect header asks for something other than 100-continue.'),
    );
  });
  server.on('upgrade', (request, socket, firstBytes) => {
    const response = new http.ServerResponse(request);
    response.assignSocket(socket as never);
    socket.on('error', () => {});
    response.on('finish', () => socket.end());
    take(request, response, { socket, firstBytes }, false);
  });
  server.on('connect', (_request, socket) => {
    refuseRaw(socket, new Fault('request/malformed', 'CONNECT is not offered: this is not a forward proxy.'));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = latest.get(socket);
    const closes =
      response?.headersSent && (!response.writableFinished || response.getHeader('connection') === 'close');
    if (closes) socket.end();
    else refuseRaw(socket, clientFault(error));
  });
  server.on('connection', (socket) => socket.on('error', () => {}));

  return start(server, settings, () => (closing = true));
}

function start(server: Server, settings: ListenerSettings, drain: () => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      { host: settings.host, port: settings.port, reusePort: settings.reusePort, backlog: 4096 },
      () => {
        server.off('error', reject);
        resolve({
          port: (server.address() as AddressInfo).port,
          drain,
          close: (graceMs) => {
            drain();
            return close(server, graceMs);
          },
        });
      },
    );
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    // A connection whose answer began before the drain does not know that it is the last: it is closed once it is idle.
    const sweep = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function peerOf(request: IncomingMessage, judge: (address: string) => boolean): Peer {
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return { address, secure: 'encrypted' in request.socket, trusted: judge(address) };
}

function problem(fault: Fault): string {
  const title = faultKinds[fault.code].title;
  return JSON.stringify({
    type: `urn:sluice:fault:${fault.code}`,
    title,
    status: fault.status,
    detail: fault.message,
  });
}

function refuse(response: ServerResponse, fault: Fault): void {
  const body = problem(fault);
  response.writeHead(fault.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

function clientFault(error: NodeJS.ErrnoException): Fault {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return new Fault('request/headers-too-large', 'The header block is larger than this gateway allows.');
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Fault('request/timeout', 'The request did not arrive completely in time.');
  }
  return new Fault('request/malformed', 'The bytes received are not an HTTP/1.1 request.');
}

function refuseRaw(socket: Duplex, fault: Fault): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = problem(fault);
  socket.end(
    `HTTP/1.1 ${fault.status} ${http.STATUS_CODES[fault.status]}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
