import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Accounts } from './accounts.ts';
import { CallLog } from './call-log.ts';
import { answerKept } from './kept.ts';
import type { SimulatedCall } from './call-log.ts';
import { answerControl } from './control.ts';
import type { Controls } from './control.ts';
import {
  answerModelCall,
  answerModelList,
  answerTokenCount,
  answerTooLarge,
  answerUnknown,
} from './model-call.ts';
import { acceptUpgrade, answerBytes, answerEcho, answerEvents, answerMirror } from './plain.ts';
import { answerRealtime } from './realtime.ts';
import { answerVendorCall } from './vendor-call.ts';
import { vendorAt, workVendorAt } from './vendors.ts';
import { answerWork } from './work.ts';
import { checkScript, ScriptError } from './script.ts';
import type { Script } from './script.ts';

export type { SimulatedCall } from './call-log.ts';
export type { Script } from './script.ts';
export { signThinking } from './signature.ts';

export interface SimulatorOptions {
  /** 0, the default, takes any free port. */
  port?: number;
  host?: string;
  /** PEM texts; with them the simulator speaks TLS. */
  tls?: { cert: string; key: string };
  /** Options for every call that does not script them itself. */
  defaults?: Script;
}

export interface Simulator {
  url: string;
  port: number;
  /** Options for every call that does not script them itself; may be changed or replaced at any time. */
  defaults: Script;
  /** Scripts for the next chat or messages calls, one each. */
  enqueue(...scripts: Script[]): void;
  /** The calls so far, oldest first; records of running calls are live. */
  calls(): SimulatedCall[];
  /** Forgets calls, queue and defaults; calls under way go on, unlisted. */
  reset(): void;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Starts a stand-in for two vendors' APIs and for plain REST servers. README.md describes routes and scripts.
 * @throws ScriptError for wrong `defaults`, and what listening throws (port taken).
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const controls = new Scripts(checkScript(options.defaults ?? {}, 'defaults'));
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void handle(request, response, controls).catch((error: unknown) => fail(response, error));
  };
  const settings = { keepAliveTimeout: 60_000, maxHeaderSize: 65_536 };
  const server = options.tls
    ? createTlsServer({ ...settings, ...options.tls }, listener)
    : createServer(settings, listener);
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    socket.on('error', () => socket.destroy());
    handleUpgrade(request, { socket, head, log: controls.log });
  });
  const host = options.host ?? '127.0.0.1';
  await listen(server, options.port ?? 0, host);
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
    port,
    get defaults() {
      return controls.defaults;
    },
    set defaults(script: Script) {
      controls.defaults = checkScript(script, 'defaults');
    },
    enqueue: (...scripts) => controls.enqueue(...scripts.map((script) => checkScript(script, 'enqueue'))),
    calls: () => controls.log.list(),
    reset: () => controls.reset(),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await closed;
    },
  };
}

class Scripts implements Controls {
  readonly log = new CallLog();
  readonly accounts = new Accounts();
  defaults: Script;
  readonly #initial: Script;
  #queue: Script[] = [];

  constructor(defaults: Script) {
    this.#initial = defaults;
    this.defaults = { ...defaults };
  }

  enqueue(...scripts: Script[]): void {
    this.#queue.push(...scripts);
  }

  takeQueued(): Script | undefined {
    return this.#queue.shift();
  }

  reset(): void {
    this.#queue = [];
    this.defaults = { ...this.#initial };
    this.log.clear();
    this.accounts.clear();
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, controls: Controls): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const path = url.pathname;
  const method = request.method ?? '';
  if (path.startsWith('/_')) {
    const body = (await readBody(request)) ?? Buffer.alloc(0);
    if (answerControl({ method, url, body }, response, controls)) return;
  }
  const call = controls.log.open(request, path);
  const plain = { request, response, call, url };
  if (path === '/mirror' && method === 'POST') return answerMirror(plain);
  const bytes = await readBody(request).catch((error: unknown) => {
    call.finished = 'client-gone';
    call.endedAtMs = call.clientGoneAtMs = Date.now();
    throw error;
  });
  if (!bytes) {
    return answerTooLarge(
      { request, response, call, bytes: Buffer.alloc(0) },
      path === '/v1/messages' ? 'anthropic' : 'openai',
    );
  }
  call.bodyBytes = bytes.length;
  const incoming = { request, response, call, bytes };
  if (path === '/echo' || path.startsWith('/echo/')) return answerEcho(plain, bytes);
  const isRead = method === 'GET' || method === 'HEAD';
  if (path === '/sse' && isRead) return answerEvents(plain);
  const count = /^\/bytes\/(\d{1,12})$/.exec(path)?.[1];
  if (count !== undefined && isRead) return answerBytes(plain, Number(count));
  if (answerKept(incoming, url, controls)) return;
  const vendor = vendorAt(url);
  if (vendor) {
    return method === 'POST'
      ? answerVendorCall(incoming, vendor, { store: controls, url })
      : answerUnknown(incoming, 405);
  }
  const worker = workVendorAt(url);
  if (worker) {
    return method === 'POST'
      ? answerWork(incoming, worker, { store: controls, url })
      : answerUnknown(incoming, 405);
  }
  switch (path) {
    case '/v1/chat/completions':
      return method === 'POST' ? answerModelCall(incoming, 'openai', controls) : answerUnknown(incoming, 405);
    case '/v1/messages':
      return method === 'POST'
        ? answerModelCall(incoming, 'anthropic', controls)
        : answerUnknown(incoming, 405);
    case '/v1/messages/count_tokens':
      return method === 'POST' ? answerTokenCount(incoming, controls) : answerUnknown(incoming, 405);
    case '/v1/models':
      return isRead ? answerModelList(incoming) : answerUnknown(incoming, 405);
    default:
      return answerUnknown(incoming, 404);
  }
}

/** Reads the body; answers undefined when it is larger than the vendors take. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

function handleUpgrade(
  request: IncomingMessage,
  { socket, head, log }: { socket: Duplex; head: Buffer; log: CallLog },
): void {
  const path = new URL(request.url ?? '/', 'http://simulator').pathname;
  const call = log.open(request, path);
  if (path === '/v1/realtime') return answerRealtime({ request, socket, head, call });
  if (path !== '/upgrade-echo') {
    call.status = 404;
    call.finished = 'refused';
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  call.status = 101;
  socket.once('close', () => {
    call.finished = 'complete';
    call.endedAtMs = Date.now();
  });
  acceptUpgrade(request, socket, head);
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.destroyed || response.headersSent) {
    response.destroy();
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  const isScript = error instanceof ScriptError;
  const type = isScript ? 'simulator_script_error' : 'simulator_fault';
  response.writeHead(isScript ? 400 : 500, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { type, message } }));
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, 1024, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
