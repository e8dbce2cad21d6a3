import type { Calibration } from '#core/calibration.ts';
import type { CallRules } from '#core/call-facts.ts';
import type { Account } from '#core/contracts/account.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { CounterStore } from '#core/contracts/counter-store.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { Events } from '#core/contracts/events.ts';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { Keeper } from '#core/contracts/keeper.ts';
import type { Journal } from '#core/contracts/journal.ts';
import type { Observer } from '#core/contracts/observer.ts';
import type { Pace } from '#core/contracts/pace.ts';
import type { Policy } from '#core/contracts/policy.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import type { Sign } from '#core/contracts/signer.ts';
import type { TargetPool } from '#core/contracts/target-pool.ts';
import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import type { Meter } from '#core/meter.ts';
import type { QueueRules } from '#core/queue-rules.ts';
import type { ModelIndex } from '#core/resolve-model.ts';
import type { OperationIndex } from './operation-index.ts';
import type { SocketWatch } from './websocket/socket-watch.ts';
import type { LoopRules, ResolvedModel, Route, Snapshot } from '#core/snapshot.ts';
import type { Provider, Target } from '#core/target.ts';
import type { ToldThresholds } from './limits/told-thresholds.ts';
import type { Lines } from './queue/lines.ts';
import type { Mirrors } from './mirrors.ts';
import type { GraphqlEngine } from './graphql/engine.ts';
import type { Shedder } from './shedder.ts';
import type { RetryState } from './retry-state.ts';
import type { RouteTrie } from '#core/route-trie.ts';
import type { HeadTest } from './head-test.ts';
import type { Answer } from './held-answer.ts';

/** Everything an exchange needs, made from one snapshot. An exchange keeps the gateway it began with. */
export interface Gateway {
  readonly snapshot: Snapshot;
  readonly routes: readonly CompiledRoute[];
  readonly routeTrie: RouteTrie;
  readonly models: ModelIndex;
  readonly dialects: ReadonlyMap<string, Dialect>;
  readonly operations: OperationIndex;
  readonly journal: Journal;
  readonly tokens: TokenCounter;
  /** Whose the things are that providers keep. */
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly counters: CounterStore;
  /** The same, as calls of a route go by them while they cannot be reached. */
  countersOf(route: Route): CounterStore;
  readonly calibration: Calibration;
  /** What providers say of their own limits. */
  readonly pace: Pace;
  /** Calls of this thread that wait for limits. */
  readonly lines: Lines;
  /** Thresholds of budgets that were told. */
  readonly toldThresholds: ToldThresholds;
  readonly observer: Observer;
  readonly events: Events;
  /** What callers may ask of the books. */
  readonly account: Account;
  /** Streams under way, for their progress records. */
  readonly live: Set<{ recordProgress(): void }>;
  /** Exchanges that go on although their clients have hung up. */
  readonly unheard: Set<{ giveUp(): void }>;
  /** Open WebSockets, over reloads. */
  readonly sockets: SocketWatch;
  /** Handles an exchange by the newest rules; resolves when its receipt is on record. */
  serve(inbound: Inbound): Promise<void>;
  endpoint(provider: Provider): Endpoint;
  /** The provider as it speaks to clients of a dialect: in it, or in another of its surface; null where it has none. */
  speaking(provider: Provider, dialect: Dialect): Provider | null;
  /** Providers that refused to be asked for usage, as they are called since. Until the next snapshot. */
  readonly unasked: Map<Provider, Provider>;
  /** Providers, as they speak to counts, and models that have turned out to have none. Until the next snapshot. */
  readonly countless: WeakSet<Provider | ResolvedModel>;
  /** Told that something is owed for what a provider does in the background. */
  readonly owed: { wake(): void };
  /** Refuses what a thread that is behind cannot do. */
  readonly shedder: Shedder;
  /** Copies of requests under way. */
  readonly mirrors: Mirrors;
  /** What is remembered for retries and hedges. */
  readonly retries: RetryState;
  /** How routes to servers of tools are answered; null: there are none. */
  readonly tools: ToolDesk | null;
  /** A group of upstreams by its name; every name in the snapshot has one. */
  upstreamsOf(name: string): TargetPool<HttpUpstream>;
  /** Of a model that has some. */
  rulesOf(model: ResolvedModel): CallRules;
  /** Of a route that has GraphQL rules. */
  graphqlOf(route: Route): GraphqlEngine;
  /** The targets of a model. */
  targetsOf(model: ResolvedModel): TargetPool<Target>;
}

/** Answers routes of kind `mcp`, and calls of models that name servers. */
export interface ToolDesk {
  /** See `understand`. @throws Fault */
  understand(passage: {
    readonly exchange: Exchange;
    readonly gateway: Gateway;
    route: CompiledRoute;
  }): Promise<() => Answer | Promise<Answer>>;
  /** How a call is answered that names servers of tools; null: it names none. @throws Fault */
  attend(
    passage: {
      readonly exchange: Exchange;
      readonly gateway: Gateway;
      route: CompiledRoute;
    },
    rules: LoopRules,
  ): (() => Promise<Answer>) | null;
}

export interface CompiledRoute {
  readonly route: Route;
  readonly policies: readonly Policy[];
  /** Policies that have the hook, so that nobody asks on the way. */
  readonly onHead: readonly Policy[];
  readonly readsBody: readonly Policy[];
  readonly rewriteBody: readonly Policy[];
  readonly rewriteAnswer: readonly Policy[];
  readonly onCall: readonly Policy[];
  readonly limits: readonly Policy[];
  readonly targetLimits: readonly Policy[];
  /** How calls wait for limits; null: they do not. */
  readonly queue: QueueRules | null;
  readonly onAnswer: readonly Policy[];
  readonly openAnswer: readonly Policy[];
  readonly encodeAnswer: readonly Policy[];
  readonly judgeAnswer: readonly Policy[];
  readonly onSettled: readonly Policy[];
  readonly allowsModel: readonly Policy[];
  readonly allowsTool: readonly Policy[];
  /** What the head must have besides host, path template and method; null: nothing. */
  readonly headTest: HeadTest | null;
  /** Routes with this one's head match, it among them, in their order, where the body decides between them. */
  readonly siblings: readonly CompiledRoute[] | null;
  /** Of a split route: what it leads to; null of all others. */
  readonly parts: readonly CompiledPart[] | null;
  /** How its calls are billed, of an http route; null: they are not. */
  readonly meter: Meter | null;
}

export interface CompiledPart {
  readonly name: string;
  readonly weight: number;
  /** What the head must have for the part to take the request whatever its weight; null: never. */
  readonly when: HeadTest | null;
  readonly compiled: CompiledRoute;
}

/** Where and how a provider is reached. */
export interface Endpoint {
  readonly upstream: Upstream;
  readonly origin: Origin;
  readonly pathPrefix: string;
  /** Host, credential and the provider's own headers. */
  readonly headers: HeaderList;
  /** Where a header does not prove who calls: completes a request just before it is made. @throws Fault */
  readonly sign: Sign | null;
}

export interface HttpUpstream {
  readonly name: string;
  readonly upstream: Upstream;
  readonly origin: Origin;
  readonly pathPrefix: string;
  readonly host: string;
}
