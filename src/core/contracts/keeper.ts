import type { Subjects } from '../receipt.ts';

/**
 * What providers keep for the operator's account, and whose it is: answers and their items, conversations, files. The
 * account holds those of all projects, so a name is no right to a thing: only a record of who had it made is.
 */
export interface KeptThing {
  /** The provider's own name for it. */
  readonly id: string;
  /** In the dialect's words: `response`, `item`, `file`, `batch`. */
  readonly kind: string;
  /** Name of the provider that holds it. */
  readonly provider: string;
  /** Project of the caller that had it made; empty where callers are not identified. */
  readonly owner: string;
  /** By which exchange. */
  readonly exchange: string;
  readonly createdAtMs: number;
  /** When it can be forgotten, as the provider has by then; null: never. */
  readonly expiresAtMs: number | null;
  /** JSON text: as the provider described it last; null where lists do not need it. */
  readonly document: string | null;
  /** The thing whose results it has: what that owes is settled before this can be removed; null: no other's. */
  readonly madeBy: string | null;
}

/** Work that a provider does for a caller who may never come back: it is paid for once it is done. */
export interface Obligation {
  /** Id of the receipt it ends in, so that it ends in one whatever crashes in between. */
  readonly receipt: string;
  /** What is to be asked for, and where. */
  readonly thing: string;
  readonly provider: string;
  /** The client's dialect, which is the provider's. */
  readonly dialect: string;
  readonly route: string;
  readonly subjects: Subjects;
  readonly requestedModel: string;
  /** In the provider's words. */
  readonly model: string;
  readonly beganAtMs: number;
  /** Absent: one answer. */
  readonly batch?: OwedBatch;
}

/** Many answers, each of them read and priced apart. */
export interface OwedBatch {
  /** Request path of its calls, where a batch may be of several kinds; null: the dialect's own. */
  readonly path: string | null;
  /** Names of its models, as asked for and in the provider's words. */
  readonly models: readonly { readonly asked: string; readonly model: string }[];
  /** Which of them a call is for, by the caller's own name for the call; null: there is one. */
  readonly modelOf: Readonly<Record<string, number>> | null;
}

export interface DueObligations {
  /** Nobody else is given them before the lease ends; `tries` is how often they were given before. */
  readonly due: readonly { readonly obligation: Obligation; readonly tries: number }[];
  /** All that are not settled, due or not. */
  readonly open: number;
}

export interface KeptPage {
  readonly owner: string;
  readonly kind: string;
  /** Things after this one, in the order asked for; null: from the first. */
  readonly after: string | null;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
}

/** The record of kept things, one for the process. What was noted is seen by every thread from then on, and survives it. */
export interface Keeper {
  /** Resolves when they are on record. A thing that is somebody's already stays theirs. Rejects when it cannot be written. */
  note(things: readonly KeptThing[]): Promise<void>;
  /** Those of the ids that are the owner's. Rejects when it cannot be read. */
  find(owner: string, ids: readonly string[]): Promise<readonly KeptThing[]>;
  /** What its provider says of it now. Rejects when it cannot be written. */
  describe(thing: Pick<KeptThing, 'id' | 'provider' | 'owner'>, document: string): Promise<void>;
  /** Up to `limit` of them, by time of making. Rejects when it cannot be read. */
  list(page: KeptPage): Promise<readonly KeptThing[]>;
  /** Resolves when it is on record. Rejects when it cannot be written. */
  owe(obligation: Obligation, dueAtMs: number): Promise<void>;
  /** Those whose time has come, or that are of one thing whatever the time; leased to the asker. */
  due(nowMs: number, leaseMs: number, thing?: string): Promise<DueObligations>;
  /** The receipt is on record. */
  settled(receipt: string): Promise<void>;
  /** Not yet done. */
  postpone(receipt: string, dueAtMs: number): Promise<void>;
  /** It is gone. Rejects when it cannot be written. */
  forget(thing: Pick<KeptThing, 'id' | 'provider' | 'owner'>): Promise<void>;
}
