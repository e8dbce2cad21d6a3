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
  /** They are asked for from the last to the first. */
  readonly backwards?: true;
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
  /** Bundles of calls that providers work through in hours; absent: there are none. */
  readonly batches?: Batches;
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

/** Bundles of calls: how it is seen that one is done, and what its calls have used. */
export interface Batches {
  /** Where its document is read, below the provider's base URL. */
  path(id: string): string;
  isDone(document: JsonObject): boolean;
  /** When it was done, in epoch milliseconds, as the document says; null where it does not. */
  doneAtMs(document: JsonObject): number | null;
  /** Where results are read, below the provider's base URL: texts with one in each line. Of a batch that is done. */
  resultPaths(document: JsonObject): readonly string[];
  /** Results that stand in the document itself. */
  resultsIn?(document: JsonObject): readonly JsonObject[];
  /** The caller's own name for the call, and what the model answered; null where it did not. */
  readResult(result: JsonObject): { readonly call: string; readonly answer: JsonObject | null };
  /** Files with its results, as far as there are some yet. */
  madeBy(document: JsonObject): readonly KeptName[];
}

/** How a batch is asked for: by a JSON object that has its calls, or names a file that does. */
export interface BatchMaking {
  /** Top-level keys that are acted upon. */
  readonly interpretedKeys: readonly string[];
  /** @throws Fault `request/invalid-field`. */
  read(body: JsonObject): BatchOrder;
  /**
   * Where the calls stand in the body, whose text has one character for each byte.
   * @throws Fault `request/invalid-field`.
   */
  callsIn?(text: string): readonly BatchCall[];
  /** The same of one line of a file; and where a file is read, below the provider's base URL. */
  readonly file?: { path(id: string): string; callIn(line: string): BatchCall };
  /** Files of calls cannot be read again here, so what they name is not known. */
  readonly sealed?: true;
}

export interface BatchOrder {
  /** The file that holds its calls; null: the body does. */
  readonly file: NamedThing | null;
  /** Request path of its calls, where a batch may be of several kinds; null: the dialect's own. */
  readonly path: string | null;
}

/** One call of a batch, as it stands in a text. */
export interface BatchCall {
  /** The caller's own name for it. */
  readonly name: string;
  /** Request path that it says itself; null: as the batch does. */
  readonly path: string | null;
  /** Of its body. */
  readonly start: number;
  readonly end: number;
}

/** An upload in several calls: the answer to the first says where the others go. */
export interface Resumable {
  /** Kind of an upload that has begun. */
  readonly thing: string;
  /** Parameter of the query that names it. */
  readonly parameter: string;
  /** Header of the first answer with the address of the others. */
  readonly addressHeader: string;
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
  /** The thing's name, where it is more than the id in the path: `files/{id}`. */
  readonly named?: string;
  /** A segment that stands before the last one of the base URL's path: `upload` of `/upload/v1beta`. */
  readonly before?: string;
  /** Headers of the client that go on beside those of the dialect's calls. */
  readonly passesHeaders?: readonly string[];
  /** Of making: the thing's document within the answer; absent: that is it. Its name is its `id`, or its `name`. */
  documentIn?(answer: JsonObject): unknown;
  /** Of making a batch. */
  readonly batch?: BatchMaking;
  /** Of making by an upload in several calls. */
  readonly resumable?: Resumable;
  /** Fields of a document that say something else here: addresses, below that at which the client called. */
  shown?(document: JsonObject, calledAt: string): ReadonlyMap<string, string>;
  /** Kind of the things in its answer's `data`, which are the owner's, too. */
  readonly lists?: string;
  /** Of listing. */
  readonly list?: KeptLists;
  /** The answer is bytes that nobody reads here. */
  readonly raw?: true;
}
