import type { Static, TSchema } from 'typebox';
import type { PolicyAnswerEvent } from './policy-events.ts';
import type { PolicyConversation } from './policy-conversation.ts';

/** What a policy reads besides the head of a request. It is only there where it is named: reading costs. */
export type PolicyReads =
  /** The call to a model in neutral words, on LLM routes (`call.conversation`). */
  | 'conversation'
  /** The request's body, whole (`call.body`): it is read before `onCall`, as large as the route allows. */
  | 'body'
  /** The answer of a model, event by event (`onEvent`, `onEnd`). */
  | 'events';

/** What a policy changes. What is not named cannot be changed: to try is an error, and the call is refused. */
export type PolicyWrites =
  /** Headers that go to the upstream. */
  | 'request'
  /** Headers that go to the client. */
  | 'answer'
  /** The events of a model's answer. */
  | 'events';

/**
 * A kind of policy. The hooks run in this order: `onHead`, `onCall`, `limits`, then with the answer `onAnswer` and `onEvent`, and
 * last `onSettled`. Whatever one of them throws before the answer has begun refuses the call (`policy/failed`, 500); later it ends
 * the answer. Hooks may be `async` where they return a promise here.
 */
export interface PolicyDefinition<Schema extends TSchema = TSchema, State = unknown> {
  /** What configurations call it: lower-case letters, digits and hyphens; none of the built-in kinds. */
  readonly name: string;
  /** One line for `sluice explain`, and for the JSON Schema. */
  readonly description?: string;
  /** Its settings, as a schema of `Type` or as plain JSON Schema. An object; members it does not name are refused. */
  readonly schema: Schema;
  readonly reads?: readonly PolicyReads[];
  readonly writes?: readonly PolicyWrites[];
  /** What a promise of a hook may take, in milliseconds; then the call is refused (1000). */
  readonly timeoutMs?: number;
  /**
   * Runs in a thread of its own: one that loops there costs that thread alone, and not those that carry traffic. Costs a message
   * there and one back for each hook. Only `onHead`, `onCall` and `onSettled`, without `reads: ['events']`.
   */
  readonly isolated?: boolean;
  /** What is remembered of one call, made when a hook first asks for it (`call.state`). */
  state?(settings: Static<Schema>): State;
  /** The request line and headers are there, the body is not read. `call.brief` and `call.conversation` are null. */
  onHead?(call: PolicyCall<State>, use: PolicyUse<Static<Schema>>): void | Promise<void>;
  /** The call is understood. */
  onCall?(call: PolicyCall<State>, use: PolicyUse<Static<Schema>>): void | Promise<void>;
  /** What is limited of this call. All limits of a route are reserved in one step, and settled by what was used. */
  limits?(call: PolicyCall<State>, use: PolicyUse<Static<Schema>>): readonly PolicyLimit[];
  /** The status and headers of the answer are there, and not sent. Also called on refusals, those of other policies among them. */
  onAnswer?(call: PolicyCall<State>, use: PolicyUse<Static<Schema>>): void;
  /**
   * Of a model's answer, streamed or whole, the next event. Nothing returned: it passes. A list: these take its place, which may be
   * none, the event itself, texts, and `call.cut()` as the last.
   */
  onEvent?(
    event: PolicyAnswerEvent,
    call: PolicyCall<State>,
    use: PolicyUse<Static<Schema>>,
  ): readonly PolicyAnswerEvent[] | void;
  /** A choice, or the answer, is over: what was kept back. Called before each `finish`, and before `end`. */
  onEnd?(call: PolicyCall<State>, use: PolicyUse<Static<Schema>>): readonly PolicyAnswerEvent[] | void;
  /** The receipt is on record, and the client has its answer, or is about to. What fails here is reported, and changes nothing. */
  onSettled?(
    receipt: PolicyReceipt,
    call: PolicyCall<State>,
    use: PolicyUse<Static<Schema>>,
  ): void | Promise<void>;
}

/** One place in a configuration that uses the policy. */
export interface PolicyUse<Settings> extends PolicyServices {
  /** As validated against the schema. Frozen. */
  readonly settings: Settings;
  /** Names this use, stable over reloads: `my-policy/0`, `orders/my-policy/0`. */
  readonly instance: string;
}

/** What a policy has besides the call: it has no network of its own here. */
export interface PolicyServices {
  readonly clock: {
    /** Milliseconds since the epoch. */
    nowMs(): number;
    /** Milliseconds from an arbitrary start; never goes back. */
    monotonicMs(): number;
  };
  readonly cache: PolicyCache;
  /** One line of JSON on standard error, with the policy's name. At most ten a second of a thread, the rest is counted. */
  log(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
}

/**
 * What this use of the policy remembers over calls, in this thread: at most 10,000 entries of at most 64 Ki characters together
 * 8 Mi; those that were used longest ago make room. Empty after a restart, and after the settings or the folder have changed.
 */
export interface PolicyCache {
  get(key: string): string | undefined;
  /** @throws RangeError for a value that is too long. */
  set(key: string, value: string, lifetimeMs: number): void;
  delete(key: string): void;
}

/** One call, from its head to its receipt. What changes it can be done while a hook of it runs, and not afterwards. */
export interface PolicyCall<State = unknown> {
  /** Id of the exchange, as in logs, receipts and the header `x-sluice-exchange`. */
  readonly id: string;
  /** Name of the route. */
  readonly route: string;
  readonly request: PolicyRequest;
  /** Who has authenticated; null: nobody, or not yet. Policies that authenticate come before this one in the list. */
  readonly consumer: PolicyConsumer | null;
  /** What the credential says of its bearer, flat; empty where it says nothing. */
  readonly claims: Readonly<Record<string, string>>;
  /** Calls to models, from `onCall` on: what is asked in short. Else null. */
  readonly brief: PolicyBrief | null;
  /** The same in full, with `reads: ['conversation']`; parsed when first asked for. Null where it is no conversation. */
  readonly conversation: PolicyConversation | null;
  /** With `reads: ['body']`, from `onCall` on. A copy. */
  readonly body: Uint8Array | null;
  /** In `onAnswer` and later. */
  readonly answer: PolicyAnswer;
  /** What `state` made for this call. */
  readonly state: State;
  /** Headers that go to the upstream, with `writes: ['request']`. In `onHead` and `onCall`. */
  readonly upstreamHeaders: HeaderEdits;
  /** Headers that go to the client, with `writes: ['answer']`. Up to `onAnswer`. */
  readonly answerHeaders: HeaderEdits;
  /**
   * Refuses the call, in the client's own kind of error. In `onHead` and `onCall`.
   * @param status From 400 to 599.
   * @param code Yours, such as `acme/no-tenant`: letters, digits, `/`, `_`, `.` and `-`. Clients see it; receipts say `policy/refused`.
   * @param headers Names and values.
   */
  refuse(status: number, code: string, message: string, headers?: Readonly<Record<string, string>>): never;
  /** Answers it here: it goes to no upstream, and policies after this one are not asked. In `onHead` and `onCall`. */
  respond(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array | null): void;
  /**
   * Puts a note on the receipt and the line of the access log, under `policy-name.key`. Sixteen for each policy, of 256 characters. Up
   * to the end of the answer.
   */
  annotate(key: string, value: string | number | boolean): void;
  /** Ends a model's answer here, as its client expects it: what `onEvent` and `onEnd` give as the last of a list. */
  cut(): PolicyAnswerEvent;
}

export interface PolicyRequest {
  /** Upper case. */
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Lower case, without port. */
  readonly host: string;
  /** Canonical: what the route has matched. */
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** Of the client, or of whom a trusted proxy names. */
  readonly clientAddress: string;
  /** The first value of a header, whatever the case of its name. */
  header(name: string): string | undefined;
  /** Every header in its order, names in lower case. */
  headers(): readonly (readonly [name: string, value: string])[];
}

export interface PolicyConsumer {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly team: string;
  readonly groups: readonly string[];
}

export interface PolicyBrief {
  /** As the client names it. */
  readonly model: string;
  readonly stream: boolean;
  /** Null: the client gives no bound. */
  readonly maxOutputTokens: number | null;
  /** Answers asked for. */
  readonly choices: number;
  /** The client's wire format, such as `openai-chat`. */
  readonly dialect: string;
}

export interface PolicyAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  headers(): readonly (readonly [name: string, value: string])[];
}

/** Names in any case. @throws TypeError for what is no header, or belongs to the connection (`content-length`, `connection` …). */
export interface HeaderEdits {
  /** In place of any there are. */
  set(name: string, value: string): void;
  /** Beside those there are. */
  add(name: string, value: string): void;
  remove(name: string): void;
}

/** So much of one sort, in windows as of the policy `rate-limit`: `600/min`, `600/min burst 50`, `20000 per day`. */
export interface PolicyLimit {
  /** Whose limit it is: calls that name the same share it. */
  readonly by: string;
  /** Can callers make up as many values of `by` as they like? Then they share a bounded table (true). */
  readonly invented?: boolean;
  readonly requests?: string;
  /** Input and output together. */
  readonly tokens?: string;
  readonly inputTokens?: string;
  readonly outputTokens?: string;
  /** What the customer pays. */
  readonly money?: string;
  /** Of `money` (USD). */
  readonly currency?: string;
  /** Of days, weeks and months (UTC). */
  readonly zone?: string;
}

export interface PolicyReceipt {
  readonly id: string;
  readonly route: string;
  /** `completed`, `refused`, `client_gone`, `upstream_error`, `timeout`, `guardrail_cut`, `budget_cut`, … */
  readonly outcome: string;
  readonly status: number;
  readonly fault: string | null;
  readonly project: string;
  readonly team: string;
  readonly requestedModel: string | null;
  readonly durationMs: number;
  readonly attempts: readonly {
    readonly provider: string;
    readonly model: string;
    readonly status: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    /** In billionths of the currency. */
    readonly costNano: bigint;
    readonly currency: string;
  }[];
}
