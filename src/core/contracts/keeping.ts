import type { JsonObject } from '../call.ts';
import type { KeptPage } from './keeper.ts';
import type { SseEvent } from '../sse-event.ts';

/** Lists are made from the record: of what is one's own, with the documents that the provider gave at its making. */
export interface KeptLists {
  /** @throws Fault `request/invalid-field`. */
  readPage(query: string): KeptWish;
  /** A page, as the dialect writes it. */
  render(documents: readonly JsonObject[], hasMore: boolean): string;
}

export interface KeptWish extends Pick<KeptPage, 'after' | 'order' | 'limit'> {
  /** Is such a thing asked for? */
  fits(document: JsonObject): boolean;
}

/** Something kept at a provider, as an answer names it. */
export interface KeptName {
  readonly id: string;
  /** See KeptThing. */
  readonly kind: string;
}

/** A field of a call that names something kept. */
export interface NamedThing {
  /** Of the field, for people. */
  readonly path: string;
  /** Null: a thing of the operator's account that no caller can have made. */
  readonly id: string | null;
}

/**
 * What a dialect's providers keep of calls and answers, told so that the gateway can say whose it is. A dialect without
 * it refuses all that its `vendorIds` finds.
 */
export interface Keeping {
  /** Is the provider asked to keep the answer? */
  keepsAnswer(body: JsonObject): boolean;
  /** Of the fields that `vendorIds` finds: those that name nothing. */
  readonly allows: readonly string[];
  /** What a call names: of each field that `vendorIds` finds beside those, under the same path. Anything else found is refused. */
  namesOf(body: JsonObject): readonly NamedThing[];
  /** What is kept of a whole answer. */
  keptIn(answer: JsonObject): readonly KeptName[];
  /** What an event of a stream says is kept. */
  keptInEvent(event: SseEvent): readonly KeptName[];
  /** Answers that providers make whether or not the caller waits; absent: there are none. */
  readonly background?: BackgroundAnswers;
  /** For how long its providers keep answers at most. */
  readonly answersForMs: number;
  /** When the provider removes a thing by itself, as its document says (epoch milliseconds); absent, or null: never. */
  expiryOf?(document: JsonObject): number | null;
}

export interface BackgroundAnswers {
  /** Does the call ask for one? */
  asked(body: JsonObject): boolean;
  /** Where it is asked for, below the provider's base URL. */
  path(id: string): string;
  /** Is nothing more to come? Then the document says what was used. */
  isDone(document: JsonObject): boolean;
  /** When it was done, in epoch milliseconds, as the document says; null where it does not. */
  doneAtMs(document: JsonObject): number | null;
}

/**
 * A call that uses a kept thing and asks no model. Its path has the thing's id as `{id}`, unless it makes one (of a
 * form that nobody reads here, on its way to the provider) or lists them.
 * Only what is said here is ever forwarded.
 */
export interface KeptUse {
  /** Kind of the thing. */
  readonly thing: string;
  readonly verb: 'make' | 'read' | 'list' | 'act' | 'delete';
  /** Path below the provider's base URL, with the parameters of the operation's path in braces. */
  readonly to: string;
  /** Parameters of the query that go on. */
  readonly query: readonly string[];
  /** Kind of the things in its answer's `data`, which are the owner's, too. */
  readonly lists?: string;
  /** Of listing. */
  readonly list?: KeptLists;
  /** The answer is bytes that nobody reads here. */
  readonly raw?: true;
}
