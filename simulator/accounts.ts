import type { KeptBatch } from './kept-batch.ts';
import type { Json } from './shape.ts';

/** What a vendor keeps for one account. */
export interface Account {
  /** Stored responses, by id, with the input they were made of, and how often one that is made in the background is not done yet. */
  responses: Map<string, { response: Json; input: Json[]; looks: number }>;
  files: Map<string, { file: Json; content: Buffer }>;
  batches: Map<string, KeptBatch>;
  /** Uploads that have begun: what is known of the file, and what has come of it. */
  uploads: Map<string, { file: Json; chunks: Buffer[] }>;
}

/** Accounts by their keys. */
export class Accounts {
  readonly #accounts = new Map<string, Account>();

  of(key: string): Account {
    let account = this.#accounts.get(key);
    if (!account) {
      account = { responses: new Map(), files: new Map(), batches: new Map(), uploads: new Map() };
      this.#accounts.set(key, account);
    }
    return account;
  }

  clear(): void {
    this.#accounts.clear();
  }
}
