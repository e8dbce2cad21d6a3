import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { startTestGateway, type TestGateway } from './gateway.ts';

export interface NamedUpstream {
  readonly url: string;
  readonly port: number;
  /** Hosts that requests named, in their order. */
  readonly hosts: string[];
  /** What `/health` answers. */
  health: { status: number; body: string };
  close(): Promise<void>;
}

/** A server that answers every request with its name, on one of the addresses of this machine. */
export async function namedUpstream(
  t: TestContext,
  name: string,
  { address = '127.0.0.1', port = 0 } = {},
): Promise<NamedUpstream> {
  const hosts: string[] = [];
  const state = { health: { status: 200, body: 'fine' } };
  const server = createServer((request, response) => {
    if (request.url === '/health') {
      response.writeHead(state.health.status).end(state.health.body);
      return;
    }
    hosts.push(request.headers.host ?? '');
    response.end(name);
  });
  await once(server.listen(port, address), 'listening');
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  t.after(close);
  const bound = (server.address() as AddressInfo).port;
  return Object.assign(state, { url: `http://${address}:${bound}`, port: bound, hosts, close });
}

/** An endpoint whose answer a test decides. */
export async function endpoint(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface DiscoveryView {
  readonly group: string;
  readonly members: readonly string[];
  readonly discovery: {
    generation: number;
    lastSuccessAtMs: number | null;
    error: { message: string } | null;
    stale: boolean;
  } | null;
  readonly checks: readonly { id: string; verdict: string; reason: string | null }[];
}

/** A gateway whose open route `/g/**` leads to the group `g`. */
export async function gatewayTo(
  t: TestContext,
  group: object,
  { threads = 1, more = {} }: { threads?: number; more?: object } = {},
): Promise<TestGateway> {
  const gateway = await startTestGateway({ threads, config: groupConfig(group, more) });
  t.after(() => gateway.stop());
  return gateway;
}

export const groupConfig = (group: object, more: object = {}): Record<string, unknown> => ({
  upstreams: { g: group },
  routes: [{ name: 'g', match: { path: '/g/**' }, to: { upstream: 'g' }, policies: [] }],
  ...more,
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what must come; what does not come in fifteen seconds is missing. */
export async function eventually<T>(
  what: string,
  find: () => Promise<T | null | undefined | false>,
): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end; await pause(20)) {
    const found = await find();
    if (found) return found;
  }
  return assert.fail(`waited in vain: ${what}`);
}

export async function viewOf(gateway: TestGateway): Promise<DiscoveryView> {
  const views = (await (await gateway.admin('/v1/discovery')).json()) as DiscoveryView[];
  return views.find(({ group }) => group === 'g') ?? assert.fail('the group is not shown');
}

export const viewWhere = (gateway: TestGateway, what: string, holds: (view: DiscoveryView) => boolean) =>
  eventually(what, async () => {
    const view = await viewOf(gateway);
    return holds(view) ? view : null;
  });

/** Who answers a dozen requests, each on a connection of its own, so that all threads are asked. */
export async function answerers(gateway: TestGateway, count = 12): Promise<Set<string>> {
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const answer = await fetch(`${gateway.url}/g/x`, { headers: { connection: 'close' } });
    const text = await answer.text();
    names.add(answer.ok ? text : ((JSON.parse(text) as { code: string }).code ?? text));
  }
  return names;
}

/** Waits until exactly these answer. */
export const answeredBy = (gateway: TestGateway, ...names: string[]) =>
  eventually(`answers by ${names.join(', ')}`, async () => {
    const found = await answerers(gateway);
    return found.size === names.length && names.every((name) => found.has(name));
  });

export async function metricOf(gateway: TestGateway, series: string): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}
