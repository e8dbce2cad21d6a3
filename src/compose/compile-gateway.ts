import type { Calibration } from '#core/calibration.ts';
import type { AuditSink } from '#core/contracts/audit.ts';
import type { AnswerCache } from '#core/contracts/answer-cache.ts';
import type { CacheStore } from '#core/contracts/cache-store.ts';
import type { CallRules } from '#core/call-facts.ts';
import type { Account } from '#core/contracts/account.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { CounterStore } from '#core/contracts/counter-store.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Events } from '#core/contracts/events.ts';
import type { Keeper } from '#core/contracts/keeper.ts';
import type { Journal } from '#core/contracts/journal.ts';
import type { Observer } from '#core/contracts/observer.ts';
import type { KeyDirectory } from '#core/contracts/policy.ts';
import type { SignerKind } from '#core/contracts/signer.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import type { PoolMemory } from '#balance/index.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { HttpRoute, ResolvedModel, Route, Snapshot } from '#core/snapshot.ts';
import { compileCallRules, compileExchangeRule } from '#expressions/index.ts';
import type { WhenUnavailable } from '#core/storage-settings.ts';
import type { OwnPolicies } from '#extensions/index.ts';
import type { Provider } from '#core/target.ts';
import { compileRoutes, type PolicyKinds } from '#pipeline/compile-routes.ts';
import { indexRoutes } from '#pipeline/find-route.ts';
import { DocumentStore } from '#pipeline/graphql/document-store.ts';
import { GraphqlEngine } from '#pipeline/graphql/engine.ts';
import type { Endpoint, Gateway } from '#pipeline/gateway.ts';
import { ToldThresholds } from '#pipeline/limits/told-thresholds.ts';
import { OperationIndex } from '#pipeline/operation-index.ts';
import type { ToolThread } from '#mcp/thread.ts';
import { compilePools, type CompiledPools } from './compile-pools.ts';
import { createAsk } from './create-ask.ts';
import { directoriesOf } from './directories.ts';
import type { KeptParts } from './kept-parts.ts';
import { originOf } from './origin-of.ts';
import type { ProviderKeys } from './provider-keys.ts';
import { SignedUpstream } from './signed-upstream.ts';
import { signerServices } from './signer-services.ts';
import { toolEndpoint } from './tool-endpoint.ts';

/** What outlives a reload. */
export interface Parts {
  readonly dialects: readonly Dialect[];
  readonly policyKinds: PolicyKinds;
  /** Of the operator's own, as this thread runs them. */
  readonly ownPolicies: Pick<OwnPolicies, 'kindsOf'>;
  readonly upstream: Upstream;
  /** By the kinds that providers name. */
  readonly signers: ReadonlyMap<string, SignerKind>;
  /** Upstreams inside the process, by the name after `builtin:`. */
  readonly builtins: ReadonlyMap<string, Upstream>;
  readonly journal: Journal;
  readonly counters: CounterStore;
  readonly calibration: Calibration;
  /** Answers that are kept to be given again. */
  readonly cache: CacheStore;
  /** Answers that can be made again. */
  readonly answers: AnswerCache;
  /** What threads share about members of pools. */
  readonly poolMemory: PoolMemory;
  readonly keys: KeyDirectory;
  readonly audit: AuditSink;
  /** Of providers that have several. */
  readonly providerKeys: ProviderKeys;
  /** Of policies. */
  readonly kept: KeptParts;
  /** Of servers of tools. */
  readonly tools: ToolThread;
  readonly tokens: TokenCounter;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly events: Events;
  readonly account: Account;
  readonly live: Gateway['live'];
  readonly unheard: Gateway['unheard'];
  readonly lines: Gateway['lines'];
  readonly pace: Gateway['pace'];
  readonly owed: Gateway['owed'];
  readonly retries: Gateway['retries'];
  readonly shedder: Gateway['shedder'];
  readonly mirrors: Gateway['mirrors'];
  readonly sockets: Gateway['sockets'];
  readonly serve: Gateway['serve'];
}

export type CompiledGateway = Gateway & CompiledPools;

/** Makes a gateway of a snapshot. @throws Error when something in it cannot be made; the old one then serves on. */
export function compileGateway(snapshot: Snapshot, parts: Parts): CompiledGateway {
  const { clock, cache, answers, keys, audit } = parts;
  const dialects = new Map(parts.dialects.map((dialect) => [dialect.name, dialect]));
  for (const { name, dialect, speaks } of Object.values(snapshot.providers)) {
    const unknown = [dialect, ...speaks.map((also) => also.dialect)].find((word) => !dialects.has(word));
    if (unknown !== undefined) throw new Error(`provider "${name}": unknown dialect "${unknown}"`);
  }
  const endpoints = new Map<Provider, Endpoint>();
  const endpoint = (provider: Provider) => {
    let known = endpoints.get(provider);
    if (!known) endpoints.set(provider, (known = endpointOf(provider, parts)));
    return known;
  };
  const own = parts.ownPolicies.kindsOf(snapshot.policyFiles ?? null);
  const kinds = own.length > 0 ? new Map([...parts.policyKinds, ...own]) : parts.policyKinds;
  const routes = compileRoutes(snapshot, kinds, {
    ...{ clock, cache, answers, keys, audit },
    ask: createAsk(parts.upstream),
    ...directoriesOf(snapshot),
    keep: parts.kept.keep,
    rule: compileExchangeRule,
  });
  return {
    snapshot,
    routes,
    routeTrie: indexRoutes(routes),
    models: createModelIndex(snapshot),
    dialects,
    operations: new OperationIndex(dialects.values()),
    journal: parts.journal,
    tokens: parts.tokens,
    keeper: parts.keeper,
    clock,
    counters: parts.counters,
    countersOf: createCountersOf(parts.counters),
    calibration: parts.calibration,
    toldThresholds: new ToldThresholds(),
    observer: parts.observer,
    events: parts.events,
    account: parts.account,
    live: parts.live,
    unheard: parts.unheard,
    lines: parts.lines,
    pace: parts.pace,
    sockets: parts.sockets,
    tools: parts.tools.deskOf(Object.values(snapshot.toolServers ?? {}), (server) =>
      toolEndpoint(server, parts.upstream),
    ),
    serve: parts.serve,
    endpoint,
    speaking: createSpeaking(dialects),
    rulesOf: createRules(),
    graphqlOf: createEngines(parts.kept),
    unasked: new Map(),
    countless: new WeakSet(),
    owed: parts.owed,
    retries: parts.retries,
    shedder: parts.shedder,
    mirrors: parts.mirrors,
    ...compilePools(snapshot, parts),
  };
}

function createCountersOf(counters: CounterStore): Gateway['countersOf'] {
  const ruled = (rule: WhenUnavailable) => counters.whenUnavailable?.(rule) ?? counters;
  const byRule = { refuse: ruled('refuse'), lease: ruled('lease') };
  return ({ whenUnavailable }) => (whenUnavailable === undefined ? counters : byRule[whenUnavailable]);
}

/** Compiled when a call first needs them. */
function createRules(): Gateway['rulesOf'] {
  const known = new WeakMap<ResolvedModel, CallRules>();
  return (model) => {
    let rules = known.get(model);
    if (!rules) known.set(model, (rules = compileCallRules((model.rules ?? []).map(({ when }) => when))));
    return rules;
  };
}

/** The same. What clients have made known outlives a reload. */
function createEngines(kept: KeptParts): Gateway['graphqlOf'] {
  const known = new WeakMap<Route, GraphqlEngine>();
  return (route) => {
    let engine = known.get(route);
    if (!engine) {
      const store = kept.keep('graphql/documents', () => new DocumentStore());
      known.set(route, (engine = new GraphqlEngine((route as HttpRoute).graphql!, store)));
    }
    return engine;
  };
}

/** One object for each dialect of a provider, so that what is kept under it stays. */
function createSpeaking(dialects: ReadonlyMap<string, Dialect>): Gateway['speaking'] {
  const known = new Map<Provider, Map<string, Provider | null>>();
  return (provider, dialect) => {
    if (dialect.name === provider.dialect) return provider;
    let spoken = known.get(provider);
    if (!spoken) known.set(provider, (spoken = new Map()));
    let speaker = spoken.get(dialect.name);
    if (speaker === undefined) spoken.set(dialect.name, (speaker = speakerOf(provider, dialect, dialects)));
    return speaker;
  };
}

/** In the client's own dialect where the provider has it, else in its first of that surface; null: it has none. */
function speakerOf(
  provider: Provider,
  { name, surface }: Dialect,
  dialects: ReadonlyMap<string, Dialect>,
): Provider | null {
  const own: Provider[] = [provider, ...provider.speaks.map((also) => ({ ...provider, ...also }))];
  const all = own.flatMap((as) => [
    as,
    ...(dialects.get(as.dialect)?.besides ?? []).map((dialect) => ({ ...as, dialect })),
  ]);
  const ofSurface = all.filter(({ dialect }) => dialects.get(dialect)?.surface === surface);
  return ofSurface.find(({ dialect }) => dialect === name) ?? ofSurface[0] ?? null;
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
    return { upstream, origin, pathPrefix: '', headers: ['host', builtin, ...headers], sign: null };
  }
  const { origin, host, pathPrefix } = originOf(provider.baseUrl, provider);
  const signer = provider.signer === null ? null : parts.signers.get(provider.signer.kind);
  if (signer === undefined)
    throw new Error(`provider "${provider.name}": there is no signer "${provider.signer!.kind}"`);
  const sign = signer && signer(provider, signerServices(provider, parts));
  // Where there is a signer there are no keys.
  const upstream = sign?.again
    ? new SignedUpstream({ upstream: parts.upstream, sign, signed: true })
    : parts.providerKeys.over(parts.upstream, provider);
  return { upstream, origin, pathPrefix, headers: ['host', host, ...headers], sign };
}
