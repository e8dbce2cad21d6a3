import type { Json } from './shape.ts';

/** What a vendor keeps for one account. */
export interface Account {
  /** Stored responses, by id, with the input they were made of, and how often one that is made in the background is not done yet. */
  responses: Map<string, { response: Json; input: Json[]; looks: number }>;
  files: Map<string, { file: Json; content: Buffer }>;
}

/** Accounts by their keys. */
export class Accounts {
  readonly #accounts = new Map<string, Account>();

  of(key: string): Account {
    let account = this.#accounts.get(key);
    if (!account) this.#accounts.set(key, (account = { responses: new Map(), files: new Map() }));
    return account;
  }

  clear(): void {
    this.#accounts.clear();
  }
}
