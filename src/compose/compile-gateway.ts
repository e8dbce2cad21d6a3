import type { Clock } from '#core/contracts/clock.ts';
import type { CounterStore } from '#core/contracts/counter-store.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Journal } from '#core/contracts/journal.ts';
import type { Observer } from '#core/contracts/observer.ts';
import type { KeyDirectory } from '#core/contracts/policy.ts';
import type { PoolMember, TargetPool } from '#core/contracts/target-pool.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { createPool } from '#balance/index.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { ResolvedModel, Snapshot, UpstreamGroup, UpstreamMember } from '#core/snapshot.ts';
import type { Provider, Target } from '#core/target.ts';
import { compileRoutes, indexOperations, type PolicyKinds } from '#pipeline/compile-routes.ts';
import { indexRoutes } from '#pipeline/find-route.ts';
import type { Endpoint, Gateway, HttpUpstream } from '#pipeline/gateway.ts';
import { originOf } from './origin-of.ts';

/** What outlives a reload. */
export interface Parts {
  readonly dialects: readonly Dialect[];
  readonly policyKinds: PolicyKinds;
  readonly upstream: Upstream;
  /** Upstreams inside the process, by the name after `builtin:`. */
  readonly builtins: ReadonlyMap<string, Upstream>;
  readonly journal: Journal;
  readonly counters: CounterStore;
  readonly keys: KeyDirectory;
  readonly tokens: TokenCounter;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly live: Gateway['live'];
  readonly retries: Gateway['retries'];
  readonly shedder: Gateway['shedder'];
  readonly sockets: Gateway['sockets'];
}

export interface CompiledGateway extends Gateway {
  /** Members of a group of upstreams as discovery has found them: all of them, from now on. */
  updateUpstreams(name: string, members: readonly UpstreamMember[]): void;
}

/** Makes a gateway of a snapshot. @throws Error when something in it cannot be made; the old one then serves on. */
export function compileGateway(snapshot: Snapshot, parts: Parts): CompiledGateway {
  const { clock, counters, keys } = parts;
  const dialects = new Map(parts.dialects.map((dialect) => [dialect.name, dialect]));
  for (const provider of Object.values(snapshot.providers)) {
    if (!dialects.has(provider.dialect))
      throw new Error(`provider "${provider.name}": unknown dialect "${provider.dialect}"`);
  }
  const endpoints = new Map<Provider, Endpoint>();
  const endpoint = (provider: Provider) => {
    let known = endpoints.get(provider);
    if (!known) endpoints.set(provider, (known = endpointOf(provider, parts)));
    return known;
  };
  const upstreams = new Map(
    Object.values(snapshot.upstreams).map((group) => [group.name, upstreamsOf(group, parts)]),
  );
  const routes = compileRoutes(snapshot, parts.policyKinds, { clock, counters, keys });
  const models = new WeakMap<ResolvedModel, TargetPool<Target>>();
  return {
    snapshot,
    routes,
    routeTrie: indexRoutes(routes),
    models: createModelIndex(snapshot),
    dialects,
    operations: indexOperations(dialects.values()),
    journal: parts.journal,
    tokens: parts.tokens,
    clock,
    observer: parts.observer,
    live: parts.live,
    sockets: parts.sockets,
    endpoint,
    unasked: new Map(),
    retries: parts.retries,
    shedder: parts.shedder,
    upstreamsOf: (name) => upstreams.get(name)!,
    updateUpstreams(name, members) {
      upstreams.get(name)?.update(members.map((member) => poolMember(member, parts)));
    },
    targetsOf(model) {
      let known = models.get(model);
      if (!known) models.set(model, (known = targetsOf(model)));
      return known;
    },
  };
}

function endpointOf(provider: Provider, parts: Parts): Endpoint {
  const headers = [...provider.headers];
  if (provider.credential && provider.secret !== null) {
    headers.push(provider.credential.header, provider.credential.prefix + provider.secret);
  }
  const builtin = /^builtin:(.+)$/.exec(provider.baseUrl)?.[1];
  if (builtin !== undefined) {
    const upstream = parts.builtins.get(builtin);
    if (!upstream) throw new Error(`provider "${provider.name}": there is no built-in "${builtin}"`);
    const origin = { key: provider.baseUrl, secure: false, host: builtin, port: 0, proxy: null, tls: null };
    return { upstream, origin, pathPrefix: '', headers: ['host', builtin, ...headers] };
  }
  const { origin, host, pathPrefix } = originOf(provider.baseUrl, provider);
  return { upstream: parts.upstream, origin, pathPrefix, headers: ['host', host, ...headers] };
}

function upstreamsOf(group: UpstreamGroup, parts: Parts): TargetPool<HttpUpstream> {
  const members = group.members.map((member) => poolMember(member, parts));
  return createPool({ name: group.name, members, balance: 'round-robin' });
}

function poolMember(member: UpstreamMember, parts: Parts): PoolMember<HttpUpstream> {
  const { id, url, weight, priority } = member;
  const { origin, host, pathPrefix } = originOf(url, member);
  const name = `${origin.host}:${origin.port}`;
  return { id, target: { name, upstream: parts.upstream, origin, pathPrefix, host }, weight, priority };
}

function targetsOf(model: ResolvedModel): TargetPool<Target> {
  const members = model.targets.map((target) => {
    const id = `${target.provider.name}/${target.model}`;
    return { id, target, weight: 1, priority: 0 };
  });
  return createPool({ name: `the model ${model.name}`, members, balance: 'ordered' });
}
