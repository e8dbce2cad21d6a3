import type { AuditRules } from './contracts/audit.ts';
import type { ListenerPlan, ServerCertificate } from './listener.ts';
import type { ActiveHealth } from './active-health.ts';
import type { GraphqlRules } from './graphql/graphql-rules.ts';
import type { Http2Use } from './http2-use.ts';
import type { HeaderList } from './head.ts';
import type { Discovery } from './discovery.ts';
import type { MeterRules } from './meter.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { ChargeBook } from './charge.ts';
import type { ConsumerCredential, NamedConsumer } from './consumer.ts';
import type { PolicyFiles } from './policy-files.ts';
import type { PriceSchedule } from './price.ts';
import type { EventPlan } from './webhook.ts';
import type { Rewrite } from './rewrite.ts';
import type { HedgeRules, RetryRules } from './retry-rules.ts';
import type { StorageSettings, WhenUnavailable } from './storage-settings.ts';
import type { TelemetryRules } from './telemetry.ts';
import type { ClientTls, Plan, Provider, SignerUse, Timeouts } from './target.ts';
import type { ToolServer } from './tool-server.ts';

/**
 * A configuration, resolved whole: names are looked up, secrets filled in, defaults applied, prices chosen. Plain data
 * that can be sent to a thread; frozen once there. An exchange ends on the snapshot it began on.
 */
export interface Snapshot {
  /** Grows by one with each change. */
  readonly version: number;
  /** SHA-256 of the configuration's text, for people to compare. */
  readonly digest: string;
  /** At least one. The first is where banners and `--port` point. */
  readonly listen: readonly ListenerPlan[];
  readonly admin: AdminListener;
  /** What many nodes share. A running process keeps what it was started with. */
  readonly storage: StorageSettings;
  readonly threads: number;
  readonly accessLog: boolean;
  /** What is told of traffic to others. */
  readonly telemetry: TelemetryRules;
  /** `strict`: records are on the disk, not only in the page cache, before a call goes on. */
  readonly durability: 'usual' | 'strict';
  readonly limits: RequestLimits;
  /** Of every limit, what this node gives out: 100 unless it counts by itself what others count, too. */
  readonly limitPercent?: number;
  /** Exchanges are refused when the event loop falls behind; null: never. */
  readonly shedding: SheddingRules | null;
  readonly drain: { readonly delayMs: number; readonly graceMs: number };
  /** Where it stands which service calls; null: nobody asks. */
  readonly service: ServiceSource | null;
  readonly providers: Readonly<Record<string, Provider>>;
  /** By name; that of a route's own list is `route/` and the route's name. */
  readonly upstreams: Readonly<Record<string, UpstreamGroup>>;
  /** By the name a client uses: aliases, `provider/model`, and bare names that are unambiguous. Listed ones only. */
  readonly models: Readonly<Record<string, ResolvedModel>>;
  readonly openProviders: readonly OpenProvider[];
  /** What customers pay; null: what it costs. */
  readonly charges: ChargeBook | null;
  readonly events: EventPlan;
  readonly audit: AuditRules;
  /** In the order they are tried. */
  readonly routes: readonly Route[];
  readonly projects: Readonly<Record<string, { readonly team: string }>>;
  readonly consumers: readonly NamedConsumer[];
  readonly credentials: readonly ConsumerCredential[];
  readonly teams: readonly string[];
  /** By name; absent: none. */
  readonly toolServers?: Readonly<Record<string, ToolServer>>;
  /** Policies of the operator's own; absent: none. */
  readonly policyFiles?: PolicyFiles;
}

export interface AdminListener {
  readonly host: string;
  readonly port: number;
  /** Names under which it may be reached, besides IP addresses, `localhost` and `host`. */
  readonly hosts: readonly string[];
  /** Where `/healthz` and `/readyz` are served besides, and nothing else is; null: nowhere. */
  readonly probes: { readonly host: string; readonly port: number } | null;
  /** Null: plain text. */
  readonly tls: AdminTls | null;
}

export interface AdminTls extends ServerCertificate {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

export interface ServiceSource {
  /** In which callers say it themselves, in lower case; null: their word does not count. */
  readonly header: string | null;
  /** What the credential says of it, by the claim's name; goes before the header. Null: it is not asked. */
  readonly claim: string | null;
  /** Does the header go on to upstreams? */
  readonly forward: boolean;
}

export interface RequestLimits {
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly headTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** How long a client may take nothing of what is ready for it (60 s). */
  readonly sendTimeoutMs?: number;
}

export interface SheddingRules {
  /** Delay of a thread's event loop above which it refuses. */
  readonly lagMs: number;
  /** What refused clients are told to wait. */
  readonly retryAfterS: number;
}

export interface ResolvedModel extends Plan {
  readonly name: string;
  readonly listed: boolean;
  /**
   * What limits by model count it under: its name where that is one of a known number, else its provider's `name/*`. So a
   * caller who invents names shares one count, and cannot fill the table of them.
   */
  readonly countedAs: string;
  /** All names that a caller may use for it, this one among them: what holds for one of them holds for all. */
  readonly knownAs: readonly string[];
  /** How its targets are chosen among; absent: there is only one. */
  readonly pool?: PoolSettings;
  /** Share and priority of each target, in their order; absent: all alike. */
  readonly shares?: readonly TargetShare[];
  /** Absent: each target once, in order (`fallbackRules`). */
  readonly retries?: RetryRules;
  /** When a stream breaks off, the next target goes on with it. */
  readonly continues?: true;
  /** Tried in order; the first that holds says whose targets answer. */
  readonly rules?: readonly ModelRule[];
}

export interface ModelRule {
  /** An expression (CEL) over `CallFacts`. */
  readonly when: string;
  /** Its own rules are not asked. */
  readonly use: ResolvedModel;
}

/** See PoolMember. */
export interface TargetShare {
  readonly weight: number;
  readonly priority: number;
}

/** A provider that takes any model name: `provider/anything`, and bare names by prefix. */
export interface OpenProvider {
  readonly provider: Provider;
  /** Bare model names that begin so are this provider's. */
  readonly modelPrefixes: readonly string[];
  readonly defaultMaxOutputTokens: number;
  /** Prices of its models, by their names; `*` for all others. */
  readonly prices: Readonly<Record<string, PriceSchedule>>;
}

/** Servers that can stand in for one another. */
export interface UpstreamGroup {
  readonly name: string;
  /** As configured; discovery may add others. */
  readonly members: readonly UpstreamMember[];
  readonly pool: PoolSettings;
  /** How its members are spoken to; null: by HTTP/1.1. */
  readonly http2: Http2Use | null;
  /** PEM texts; null for the system's authorities, and no certificate to show. */
  readonly tls: ClientTls | null;
  /** What proves to its members who calls; null: nothing does. */
  readonly signer: SignerUse | null;
  /** Null: the members are those that are configured. */
  readonly discovery: Discovery | null;
  /** Null: nobody asks. */
  readonly health: ActiveHealth | null;
  /** Of routes that lead here and have none of their own. */
  readonly retries?: RetryRules;
  readonly hedge?: HedgeRules;
}

export interface UpstreamMember {
  /** See PoolMember: its URL, and after a `#` its address where that is given. */
  readonly id: string;
  /** `http(s)://host[:port][/prefix]` without a trailing slash. */
  readonly url: string;
  /** IP address to connect to, in place of looking the host up; it stays the name in Host and TLS. */
  readonly address: string | null;
  /** See PoolMember. */
  readonly weight: number;
  readonly priority: number;
}

export interface RouteMatch {
  /** Lower case; `*.example.com` matches one or more labels; null matches all. */
  readonly host: string | null;
  /** A template (path-template.ts), or a pattern that the whole path is held against (linear-pattern.ts). */
  readonly path: string | { readonly pattern: string };
  /** Null matches all. With GET there is HEAD (RFC 9110 §9.3.2). */
  readonly methods: readonly string[] | null;
  /** What else the head must have; all of it. */
  readonly conditions: readonly HeadCondition[];
  /** Addresses and CIDR ranges the client must be in; null: any. */
  readonly clients: readonly string[] | null;
  /**
   * What the body must ask for; null: anything. Routes that are alike in all of the above choose among themselves by this
   * once the body was read, and have the same policies.
   */
  readonly call: CallCondition | null;
}

export interface HeadCondition {
  readonly part: 'header' | 'query' | 'cookie';
  /** Of a header in lower case. */
  readonly name: string;
  readonly test: ConditionTest;
}

export type ConditionTest =
  | { readonly is: string }
  | { readonly prefix: string }
  | { readonly pattern: string }
  | { readonly present: boolean };

export interface CallCondition {
  /** Names and `*` patterns; null: any. Only of llm routes. */
  readonly models: readonly string[] | null;
  /** Only of http routes. */
  readonly graphql: {
    readonly types: readonly ('query' | 'mutation' | 'subscription')[] | null;
    /** Names and `*` patterns of operations. */
    readonly names: readonly string[] | null;
  } | null;
}

export type Route = HttpRoute | LlmRoute | McpRoute | FixedRoute | SplitRoute;

interface RouteBase {
  readonly name: string;
  readonly match: RouteMatch;
  readonly policies: readonly PolicyUse[];
  /** From 1 to 9: when the thread cannot keep up, what is lower is refused first. */
  readonly priority: number;
  /** What its limits do while shared counters cannot be reached; absent: as the store's settings say. */
  readonly whenUnavailable?: WhenUnavailable;
  /** Of a route that a description of an API made: the operation's id. */
  readonly operation?: string;
}

export interface HttpRoute extends RouteBase {
  readonly kind: 'http';
  /** Name of the group it leads to (`Snapshot.upstreams`). */
  readonly upstream: string;
  /** Removed from the path before it is appended to the upstream's; empty keeps the path whole. */
  readonly stripPrefix: string;
  /** True sends the client's Host on; false names the upstream. */
  readonly preserveHost: boolean;
  /** Null sends the place on as it was asked for. */
  readonly rewrite: Rewrite | null;
  readonly upgrade: boolean;
  readonly websocket: WebSocketRules;
  readonly timeouts: Timeouts;
  readonly bodyBytes: number;
  readonly retries: RetryRules;
  readonly hedge: HedgeRules | null;
  /** Null: nobody gets copies. */
  readonly mirror: MirrorRules | null;
  /** Null: answers are not billed. */
  readonly meter: MeterRules | null;
  /** Its upstreams' URLs are whole: what they are asked is GraphQL. Null: nobody reads what passes. */
  readonly graphql: GraphqlRules | null;
}

/** Whom copies of requests go to; their answers are thrown away. */
export interface MirrorRules {
  /** Name of a group. */
  readonly upstream: string;
  /** Of the requests; 0 to 100. */
  readonly percent: number;
  /** Requests with larger bodies are not copied. */
  readonly maxBodyBytes: number;
  /** Copies under way in one thread. */
  readonly maxConcurrent: number;
  readonly timeoutMs: number;
}

/** Is answered by the gateway itself. */
export interface FixedRoute extends RouteBase {
  readonly kind: 'fixed';
  readonly answer: RedirectAnswer | StaticAnswer | AccountAnswer;
  readonly bodyBytes: number;
}

/** Each exchange goes on by one of the parts. */
export interface SplitRoute extends RouteBase {
  readonly kind: 'split';
  readonly parts: readonly SplitPart[];
  /** What keeps a caller with a part; `none`: chance decides each time. */
  readonly stickyBy: 'none' | 'key' | 'client' | 'header' | 'cookie';
  /** Of the header, in lower case, or cookie. */
  readonly stickyName: string;
  readonly bodyBytes: number;
}

export interface SplitPart {
  /** Unique in its route; what callers are kept by, so that it stays when parts come and go. */
  readonly name: string;
  /** Share of what no part takes by its conditions. */
  readonly weight: number;
  /** A request that has all of these takes this part; empty takes none by itself. */
  readonly when: readonly HeadCondition[];
  /** As if the route led there. */
  readonly route: Route;
}

export interface RedirectAnswer {
  readonly kind: 'redirect';
  readonly status: number;
  /** A template (request-template.ts) of a path or URL. */
  readonly to: string;
  readonly keepQuery: boolean;
}

/** What the caller's own project has used, at `<prefix>/usage`, and what is left of its limits, at `<prefix>/limits`. */
export interface AccountAnswer {
  readonly kind: 'account';
  readonly prefix: string;
}

export interface StaticAnswer {
  readonly kind: 'static';
  readonly status: number;
  /** Values are templates, as is the body. */
  readonly headers: HeaderList;
  readonly body: string | null;
}

/** How WebSockets of a route are relayed. Times are exact to half a second; 0 means never, or no bound. */
export interface WebSocketRules {
  /** Of pages that may open one: `https://app.example.com`, `https://*.example.com`; null: any. */
  readonly origins: readonly string[] | null;
  readonly maxMessageBytes: number;
  readonly idleTimeoutMs: number;
  readonly pingMs: number;
  /** Control frames a side may send within a second. */
  readonly controlFrames: number;
  /** `strip` keeps the two sides from agreeing on compressed messages. */
  readonly compression: 'pass' | 'strip';
}

export interface LlmRoute extends RouteBase {
  readonly kind: 'llm';
  /** Removed from the path before a dialect's operation is looked up. */
  readonly stripPrefix: string;
  /** Refuse what cannot be carried, unless the call says otherwise by `x-sluice-strict`. */
  readonly strict: boolean;
  /** May calls name what the provider keeps for the operator's account (`ClientSide.vendorIds`)? */
  readonly vendorIds: 'refuse' | 'pass';
  /** Models that may be used through this route: names and `*` patterns; null: all. */
  readonly models: readonly string[] | null;
  readonly bodyBytes: number;
  readonly websocket: WebSocketRules;
  /** Absent: calls have no tools but their own. */
  readonly tools?: LoopRules;
}

/** How the gateway calls tools in the course of an answer. */
export interface LoopRules {
  /** Names of `Snapshot.toolServers` that calls may name. */
  readonly servers: readonly string[];
  /** Calls of the model for one answer, at most; the last one must be the answer. */
  readonly steps: number;
  /** Calls of tools for one answer, at most. */
  readonly calls: number;
  readonly timeoutMs: number;
  /** Input and output of all steps after which the next one is the last; null: any number. */
  readonly tokens: number | null;
}

/** Leads to servers of tools: at `prefix` to all of them as one, at `prefix` and a server's name to that one. */
export interface McpRoute extends RouteBase {
  readonly kind: 'mcp';
  readonly prefix: string;
  /** Names of `Snapshot.toolServers`, in their order. */
  readonly servers: readonly string[];
  /** Hosts by which it may be called; null: any, and from this machine itself by its own names alone. */
  readonly hosts: readonly string[] | null;
  /** Of pages that may call it, besides those of its own host: `https://app.example.com`. */
  readonly origins: readonly string[];
  readonly bodyBytes: number;
}

export interface PolicyUse {
  readonly kind: string;
  /** See PolicyServices.instance. */
  readonly instance: string;
  /** Checked against the kind's schema. */
  readonly settings: unknown;
  /** A rule (`ExchangeRule`): for calls of which it is not true, the policy is not there. Absent: it always is. */
  readonly when?: string;
}
