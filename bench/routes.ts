/**
 * What many routes cost: node --conditions=source --expose-gc bench/routes.ts
 * For each number of routes: seconds to resolve, clone and compile them, megabytes of the compiled ones, and nanoseconds
 * to find one; a third of them exact, a third with all below, a third with a parameter, over a thousand hosts.
 */
import { resolveRoutes } from '../src/config/resolve-routes.ts';
import { Problems } from '../src/config/problem.ts';
import type { ConfigDocument } from '../src/config/schema.ts';
import type { RequestHead } from '../src/core/head.ts';
import type { Snapshot } from '../src/core/snapshot.ts';
import { compileRoutes } from '../src/pipeline/compile-routes.ts';
import { findRoute, indexRoutes } from '../src/pipeline/find-route.ts';

const lookups = 400_000;

function documentOf(count: number): ConfigDocument {
  const kinds = ['', '/**', '/items/{id}'];
  const routes = Array.from({ length: count }, (_, i) => ({
    name: `r${i}`,
    match: { host: `h${i % 1000}.example.test`, path: `/service-${i}/v1${kinds[i % 3]}` },
    to: { http: 'http://10.0.0.1:3000' },
  }));
  return { routes, policies: [] };
}

const headOf = (i: number): RequestHead => ({
  method: 'GET',
  scheme: 'http',
  host: `h${i % 1000}.example.test`,
  authority: '',
  path: `/service-${i}/v1${['', '/x/y', '/items/4711'][i % 3]}`,
  query: '',
  headers: [],
  clientAddress: '127.0.0.1',
  peer: { address: '127.0.0.1', trusted: false },
  contentLength: 0,
  upgrade: null,
  clientCertificate: null,
});

const heapMb = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
};

function timed<T>(what: () => T): [T, number] {
  const started = performance.now();
  const made = what();
  return [made, (performance.now() - started) / 1000];
}

for (const count of [10, 100, 10_000, 100_000]) {
  const document = documentOf(count);
  const scope = {
    bodyBytes: 1,
    models: { find: () => null },
    prices: new Map(),
    modelNames: [],
    toolServers: [],
    upstreams: {},
  };
  const [routes, resolveS] = timed(() => resolveRoutes(document, scope, new Problems('')));
  const [snapshot, cloneS] = timed(() => structuredClone({ routes }) as unknown as Snapshot);
  const before = heapMb();
  const [gateway, compileS] = timed(() => {
    const compiled = compileRoutes(snapshot, new Map(), {} as never);
    return { routes: compiled, routeTrie: indexRoutes(compiled) };
  });
  const mb = heapMb() - before;
  // As many different requests in each run, so that the processor's caches weigh the same.
  for (const distinct of [10, Math.min(count, 10_000)]) {
    const stride = Math.max(1, Math.floor(count / distinct));
    const heads = Array.from({ length: distinct }, (_, i) => headOf((i * stride) % count));
    const rounds: number[] = [];
    for (let round = 0; round < 5; round++) {
      const [, s] = timed(() => {
        for (let i = 0; i < lookups; i++) findRoute(gateway, heads[i % heads.length]!);
      });
      rounds.push((s / lookups) * 1e9);
    }
    const ns = rounds.toSorted((a, b) => a - b)[2]!;
    console.log(
      `${count} routes: resolve ${resolveS.toFixed(2)} s, clone ${cloneS.toFixed(2)} s, compile ${compileS.toFixed(2)} s, ` +
        `${mb.toFixed(1)} MB; ${distinct} different requests: ${ns.toFixed(0)} ns`,
    );
  }
}
