/** A data plane with caches in this process, a clock that stands until it is moved, and an origin that answers as it is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/compose/configuration.ts';
import { openPriceSource } from '../../src/compose/price-source.ts';
import { systemClock } from '../../src/compose/system-clock.ts';
import { openDataPlane, type DataPlane } from '../../src/workbench/data-plane.ts';
import { startRawUpstream, type RawRequest } from '../harness/raw-upstream.ts';

export interface OriginAnswer {
  readonly status?: number;
  /** Without a date it is the clock's; null: there is none. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: string;
  /** Break off after the head and this much of the body. */
  readonly cutAt?: number;
}

export interface Answered {
  readonly status: number;
  /** Lines of one name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Origin = (request: RawRequest) => OriginAnswer | null | Promise<OriginAnswer | null>;

export interface CachePlane extends DataPlane {
  /** What the origin was asked, in order. */
  readonly asked: readonly RawRequest[];
  /** How the origin answers from now on; null breaks the connection. */
  origin: Origin;
  /** The clock stands at its beginning again. */
  rewind(): void;
  advance(seconds: number): void;
  /** @param target Method, path and query: `GET /a?b`. */
  ask(target: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<Answered>;
}

export const startMs = Date.UTC(2027, 0, 4, 12);

export async function startCachePlane(config: Record<string, unknown>): Promise<CachePlane> {
  let nowMs = startMs;
  const plane: { origin: Origin } = { origin: () => ({ status: 500 }) };
  const upstream = await startRawUpstream((socket, request) => {
    void Promise.resolve(plane.origin(request)).then((answer) => {
      if (answer === null) socket.destroy();
      else socket.write(renderAnswer(answer, nowMs, request.method), 'latin1');
      if (answer?.cutAt !== undefined) socket.end();
    });
  });
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const path = join(folder, 'sluice.yaml');
  const text = stringify({ version: 1, log: { access: false }, ...config }).replaceAll(
    'ORIGIN',
    upstream.url,
  );
  writeFileSync(path, text);
  const overrides = { stateDirectory: join(folder, 'state'), port: 0, adminPort: 0, threads: 1 };
  const source = { path, env: {}, prices: await openPriceSource() };
  const { snapshot } = loadConfig({ source, overrides, version: 1 });
  rmSync(folder, { recursive: true });
  const data = await openDataPlane({
    snapshot,
    kinds: () => [],
    clock: { nowMs: () => nowMs, monotonicMs: () => systemClock.monotonicMs() },
  });
  const port = Number(new URL(data.url).port);
  return Object.assign(plane, data, {
    rewind: () => void (nowMs = startMs),
    asked: upstream.requests,
    advance: (seconds: number) => void (nowMs += seconds * 1000),
    ask: (target: string, headers: Readonly<Record<string, string>> = {}, body = '') =>
      send(port, renderRequest(target, headers, body)),
    async stop() {
      await data.stop();
      await upstream.close();
    },
  });
}

export const httpDate = (ms: number): string => new Date(ms).toUTCString();

function renderAnswer(
  { status = 200, headers = {}, body = '', cutAt }: OriginAnswer,
  nowMs: number,
  method: string,
): string {
  const bodiless = method === 'HEAD' || status === 304 || status === 204;
  const all = {
    date: httpDate(nowMs),
    ...(status === 304 || status === 204 ? {} : { 'content-length': String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `HTTP/1.1 ${status} X\r\n${lines.join('')}\r\n${bodiless ? '' : body.slice(0, cutAt)}`;
}

function renderRequest(target: string, headers: Readonly<Record<string, string>>, body: string): string {
  const lines = Object.entries({ host: 'shop.test', ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const length = body === '' || 'transfer-encoding' in headers ? '' : `content-length: ${body.length}\r\n`;
  return `${target} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`;
}

/** One request on a connection of its own, to its end. */
function send(port: number, bytes: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => void chunks.push(Buffer.from(chunk)));
    socket.on('error', reject);
    socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks).toString('latin1'))));
  });
}

function parseAnswer(text: string): Answered {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const raw = text.slice(end + 4);
  const body = headers['transfer-encoding'] === 'chunked' ? dechunk(raw) : raw;
  return { status: Number(first.split(' ')[1] ?? 0), headers, body };
}

function dechunk(text: string): string {
  let body = '';
  for (let at = 0; at < text.length;) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (!(size > 0)) break;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
  return body;
}
