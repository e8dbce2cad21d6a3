import type { Allowance } from './allowance.ts';
import type { CallBrief, Conversation, JsonObject, Loss } from './call.ts';
import type { Consumer } from './consumer.ts';
import type { AnswerIntake, StoredAnswer } from './contracts/answer-intake.ts';
import type { AnswerRecorder } from './contracts/answer-recorder.ts';
import type { Inbound } from './contracts/inbound.ts';
import type { LimitReport } from './contracts/dialect.ts';
import type { ReservedAmount } from './contracts/journal.ts';
import type { Fault } from './fault.ts';
import type { GraphqlCall } from './graphql/graphql-call.ts';
import type { RequestHead } from './head.ts';
import type { Outcome, SocketTotals } from './receipt.ts';
import type { RevisedCall } from './revised-call.ts';
import type { Target } from './target.ts';
import type { TraceContext } from './trace-context.ts';
import type { ToolFacts } from './tool-server.ts';
import type { Usage } from './usage.ts';

/**
 * One call from its first byte to its receipt: the one mutable object of a call. Every field is written in one place
 * and only read elsewhere.
 */
export interface Exchange {
  /** Sorts by time: 10 characters of milliseconds, 16 of chance, in Crockford base 32 (a ULID). */
  readonly id: string;
  readonly admittedAtMs: number;
  readonly head: RequestHead;
  /** What stands between the exchange and its client: the server's own, or the pipeline's in front of it. */
  inbound: Inbound;
  readonly trace: TraceContext;
  /** Name of the matched route; empty before there is one. */
  routeName: string;
  /** Name of the client's dialect; `raw-http` on http routes. */
  dialectName: string;
  /** Who authenticated. */
  consumer: Consumer | null;
  /** The service that calls, by its own word (`ServiceSource.header`); absent where it says nothing, or nobody asks. */
  readonly service?: string;
  /** What the credential says of its bearer beside, flat: nested names joined by dots, lists by spaces; null where it says nothing. */
  claims: Readonly<Record<string, string>> | null;
  /** LLM routes: the call in short, and its parsed body. */
  brief: CallBrief | null;
  /** Http routes that are billed: the name of their price, which stands in a model's place; else null. */
  meteredAs: string | null;
  /** What limits by model count the call under (`ResolvedModel.countedAs`); set with `brief`, or `meteredAs`. */
  countedModel: string;
  /** Every name of that model (`ResolvedModel.knownAs`); set with `brief`, or `meteredAs`. */
  modelNames: readonly string[];
  json: JsonObject | null;
  /** GraphQL routes: what is asked for; absent where that is not known, as of a WebSocket that is yet to be used. */
  graphql?: GraphqlCall;
  /** The whole call in neutral words, parsed when first asked for; set with `brief`. @throws Fault */
  conversation: (() => Conversation) | null;
  /** Puts another call in its place, in `onCall`; set with `conversation`. @throws Fault */
  revise: ((revised: RevisedCall) => void) | null;
  /** Another body as the client's dialect reads it; set with `conversation`. @throws Fault */
  readCall: ((body: JsonObject) => Conversation) | null;
  /** Routes to servers of tools: what is asked of which. */
  tool?: ToolFacts;
  /** Upper bound of the input in tokens, from bytes. */
  estimatedInput: number;
  requestBytes: number;
  /** The whole body as it came, where a policy asked for it (`readsBody`); else null. */
  body: Buffer | null;
  /** Did policies make another of the body? Then it is not encoded any more. */
  rewritten?: true;
  /** What policies ask of an upstream in the place of the path, below its own, and of the query; null: what came. Of http routes. */
  place: { readonly path: string | null; readonly query: string | null } | null;
  /** What passed over a WebSocket; null before one has ended. */
  socket: SocketTotals | null;
  /** What policies leave of the route's bound of bodies, in bytes; absent: all of it. Set before the body is read. */
  maxBodyBytes?: number;
  /** Bytes that the body of an answer of an http route may have, by a policy; absent: any number. */
  maxAnswerBytes?: number;
  /** Headers that policies add to whatever is answered. */
  readonly answerHeaders: string[];
  /** Names of request headers that a policy used up, such as a credential: they go no further. */
  readonly consumedHeaders: string[];
  /** A parameter of the query that a policy used up: it goes no further. */
  consumedParameter: string | null;
  /** Changes that policies make to the headers sent upstream, in order; a null value removes. Names in lower case. */
  readonly upstreamHeaders: { readonly name: string; readonly value: string | null; readonly add: boolean }[];
  /** A policy's own answer: the exchange is not forwarded. */
  shortAnswer: {
    readonly status: number;
    readonly headers: readonly string[];
    readonly body: Buffer | string | null;
    readonly trailers?: readonly string[];
  } | null;
  /** How long it waited for limits, in milliseconds. */
  queuedMs: number;
  /** Policies that did not decide at once, in the order in which they did; null: all of them did. */
  waits: PolicyWait[] | null;
  /** Name of the policy that refused, or answered by itself; absent: none did. */
  decidedBy?: string;
  /** Who records what is answered. Policies add themselves in `onCall`. */
  readonly recorders: AnswerRecorder[];
  /** A policy's answer out of what was kept, which limits count as one: no upstream is asked. Set in `onCall`. */
  stored?: StoredAnswer;
  /** Http routes: takes what an upstream answers before anybody else. Set in `onCall`. */
  intake?: AnswerIntake;
  /** Of a split route: the part that takes it. */
  partName?: string;
  /** Where the answer is one that was given before: the exchange that made it. */
  replayOf: string | null;
  /** The tightest limits this call is under, for the answer's headers. */
  limits: LimitReport | null;
  /** Set when limits are reserved, where a hard budget stands over the call: its answer goes no further than this. */
  allowance: Allowance | null;
  /** The model that a limit let answer in place of the one that was asked for; null: none. */
  downgradedTo: string | null;
  /** What stands reserved, for the journal. */
  readonly reserved: ReservedAmount[];
  /** Called now and then while an answer flows, with the output so far in tokens, by estimate. Must not throw. */
  readonly flows: ((outputTokens: number) => void)[];
  readonly attempts: AttemptRecord[];
  readonly losses: Loss[];
  strict: boolean;
  /** What policies put on the receipt, by name; null: nothing. */
  notes: Record<string, string | number | boolean> | null;
  status: number;
  fault: Fault | null;
  outcome: Outcome;
  firstContentAtMs: number | null;
}

/** One policy's hook on one exchange that took its time. */
export interface PolicyWait {
  readonly policy: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** What an answer says of itself. */
export interface AnswerFacts {
  /** Its id and model, in the provider's words; empty where it says nothing. */
  readonly id: string;
  readonly model: string;
  /** Of each choice that has one, in the provider's own word where that is known. */
  readonly finish: readonly string[];
}

/** One try at one target, while it runs. Settlement makes an AttemptLine of it. */
export interface AttemptRecord {
  readonly number: number;
  /** Null on http routes, where `provider` names the upstream. */
  readonly target: Target | null;
  readonly provider: string;
  readonly startedAtMs: number;
  endedAtMs: number;
  /** The upstream's status; 0 when none came. */
  status: number;
  fault: Fault | null;
  /** What the receipt says beside: `hedge`, `cancelled`. */
  flags?: string[];
  /** What the upstream asked for by Retry-After. */
  retryAfterMs?: number | null;
  /** What is left of the upstream's own limits, where it says so. */
  limits?: LimitReport | null;
  upstreamId: string | null;
  /** Nobody was called: what an answer that was kept used when it was made. It costs nothing, and is charged this share of the price. */
  hitPercent?: number;
  /** Absent: no answer came that could be read. */
  facts?: AnswerFacts;
  /** How it was served, where a header says so. */
  servedTier?: string;
  /** What it uses is settled by a receipt of its own, when the provider has done it (`Obligation`). */
  deferred?: true;
  usage: Usage | null;
  /** Did the upstream begin to work on it, as far as we can know? */
  work: 'none' | 'unknown' | 'begun' | 'finished';
  /** What came, for counting where the provider gives no (final) usage. */
  seen: { text(): string; readonly bytes: number; scale(tokens: number): number } | null;
  /** The text that went in, for the same purpose. Null where there is none. */
  readonly inputText: (() => string) | null;
  /** What is used of what is counted apart from tokens (`Usage.units`), known from the call itself. */
  readonly askedUnits?: () => Usage['units'];
}
