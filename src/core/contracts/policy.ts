import type { AnswerEvent } from '../answer.ts';
import type { ConsumerDirectory } from '../consumer.ts';
import type { Exchange } from '../exchange.ts';
import type { HeaderList } from '../head.ts';
import type { KeyRecord } from '../key.ts';
import type { LimitWish } from '../limit-wish.ts';
import type { QueueRules } from '../queue-rules.ts';
import type { Receipt } from '../receipt.ts';
import type { Target } from '../target.ts';
import type { AnswerJudge } from './answer-judge.ts';
import type { EncodedAnswer, PlainAnswer } from './answer-encoder.ts';
import type { AuditSink } from './audit.ts';
import type { Ask } from './ask.ts';
import type { AnswerCache } from './answer-cache.ts';
import type { CacheStore } from './cache-store.ts';
import type { Clock } from './clock.ts';
import type { CompileRule } from './exchange-rule.ts';

/**
 * A policy may refuse, answer or watch; it never routes. It is a plain object; all members but `name` are optional,
 * and what it leaves out costs nothing. A policy refuses by throwing a Fault; anything else it throws fails closed as
 * `policy/failed`. Every implementation passes test/conformance/policy.
 */
export interface Policy {
  readonly name: string;
  /** One line for `sluice explain`: what it will do with its settings. */
  readonly summary: string;
  /** Calls that a limit of the route has no room for wait by these rules; those of its first policy that has some hold. */
  readonly queue?: QueueRules;
  /** So long one of its hooks may take before the call is refused, in milliseconds; absent: half a minute. */
  readonly deadlineMs?: number;
  /** The request line and headers are known, the body is not read yet: identity, cross-origin rules, head limits. */
  onHead?(exchange: Exchange): void | Promise<void>;
  /**
   * Of one that authenticates in `onHead`: does the call bring a credential of its kind, good or bad? Where several kinds will
   * do, the first one asked that says so decides alone.
   */
  presents?(exchange: Exchange): boolean;
  /** Of the same: how its credentials come. */
  readonly credentials?: CredentialPlaces;
  /**
   * Asked after every `onHead`: is the whole body wanted for `onCall`, where nobody else may need it? Then it is read, as large as
   * the route allows, and stands on `exchange.body`.
   */
  readsBody?(exchange: Exchange): boolean;
  /**
   * The call is understood (`exchange.brief` on LLM routes): permission, limits. May answer by `exchange.shortAnswer`, and record
   * what is answered by `exchange.recorders`; may answer out of what was kept by `exchange.stored`, and take what upstreams answer by
   * `exchange.intake`.
   */
  onCall?(exchange: Exchange): void | Promise<void>;
  /**
   * What it limits of this call; asked after every `onCall`. All that the route's policies name is reserved in one step, and
   * refused or settled together: a policy does not reserve by itself.
   */
  limits?(exchange: Exchange): readonly LimitWish[];
  /** The same of an attempt at one target, reserved when that is chosen. Refused there, the next target is tried. */
  targetLimits?(exchange: Exchange, target: Target): readonly LimitWish[];
  /** Models that its settings name: a configuration in which one of them is not there is refused. */
  readonly usesModels?: readonly string[];
  /** May this exchange's consumer know of, and use, a model? Lists of models show what every policy allows. */
  allowsModel?(exchange: Exchange, model: string): boolean;
  /**
   * May this exchange's consumer know of, and call, a tool of a server? Lists of tools show what every policy allows, and what is
   * not shown cannot be called.
   */
  allowsTool?(exchange: Exchange, server: string, tool: string): boolean;
  /** The answer's status and headers, before they are sent. Returns the headers to send. Also called on refusals. */
  onAnswer?(exchange: Exchange, status: number, headers: HeaderList): HeaderList;
  /**
   * Reads and rewrites the answer: the route's exchanges go through as parsed events instead of bytes. Called once for
   * each answer; null leaves this one alone.
   */
  openAnswer?(exchange: Exchange): AnswerStage | null;
  /**
   * Puts the body of an answer that is not a model's stream into another form, after every policy's `onAnswer`. The first
   * policy that gives an encoder is the last one asked; null leaves this answer alone.
   */
  encodeAnswer?(exchange: Exchange, plain: PlainAnswer): EncodedAnswer | null;
  /** Judges the answers of http routes by their bodies, as upstreams sent them; null leaves this one alone. */
  judgeAnswer?(exchange: Exchange, status: number, headers: HeaderList): AnswerJudge | null;
  /** The receipt is on record. Must not throw; must not take long. */
  onSettled?(exchange: Exchange, receipt: Receipt): void | Promise<void>;
}

/** How credentials of one kind come. */
export interface CredentialPlaces {
  /** What asks for one, as in WWW-Authenticate; null: nothing that a client could send in answer to that. */
  readonly challenge: string | null;
  /** Request headers, which go no further. Names in lower case. */
  readonly headers: readonly string[];
  /** The parameter of the query in which they may come as well; absent: none. */
  readonly parameter?: string;
}

/** One policy's hold on one answer. May keep events back and give them later; may give others in their place. */
export interface AnswerStage {
  /** `[event]` passes it on. A `cut` event ends the answer after what precedes it. */
  onEvent(event: AnswerEvent): readonly AnswerEvent[];
  /** A choice, or the answer, is over: what is still kept back. Called before each `finish` and before `end`. */
  onEnd(): readonly AnswerEvent[];
}

/**
 * A kind of policy, made once for each place in a configuration that uses it. The schema of its settings stands in
 * src/policies/schemas.ts.
 */
export interface PolicyKind<Settings = unknown> {
  readonly name: string;
  create(settings: Settings, services: PolicyServices): Policy;
}

export interface PolicyServices {
  /** Names this use of the policy, stable over reloads: `rate-limit/0`, `orders/rate-limit/1`. */
  readonly instance: string;
  readonly keys: KeyDirectory;
  /** Of the configuration that the policy belongs to. */
  readonly consumers: ConsumerDirectory;
  /** Of a project of the configuration; undefined: there is no such project. */
  teamOf(project: string): string | undefined;
  readonly cache: CacheStore;
  /** Answers that can be made again. */
  readonly answers: AnswerCache;
  /** Asks other servers. */
  readonly ask: Ask;
  /**
   * What is to outlive reloads in this thread, such as keys that were fetched: made where nothing of that name is kept. A name
   * begins with its maker's, and is always asked for with the same type.
   */
  keep<T>(name: string, make: () => T): T;
  readonly clock: Clock;
  readonly audit: AuditSink;
  readonly rule: CompileRule;
  /** Makes a policy that this one is made of. @throws Error when there is no such kind, or it refuses its settings. */
  create(kind: string, settings: unknown): Policy;
}

export interface KeyDirectory {
  /** By the lower-case hex SHA-256 of the secret. Revoked and unknown keys are both absent. */
  find(sha256Hex: string): KeyRecord | undefined;
}
