import type { Permission, RoleGrant } from '../principal.ts';

/** A credential of a person, or of a program that acts for one, on the admin API. Of its secret only the hash is kept. */
export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  /** A session is a token that a browser has as a cookie. */
  readonly kind: 'token' | 'session';
  /** Id of the principal that it makes its bearer. */
  readonly owner: string;
  readonly ownerName: string;
  /** Id of the principal that made it. */
  readonly maker: string;
  /** Null: those of its owner, a user of the configuration, whatever they are when it is used. */
  readonly roles: readonly RoleGrant[] | null;
  /** Null: all that its roles give. */
  readonly scopes: readonly Permission[] | null;
  readonly madeAtMs: number;
  readonly expiresAtMs: number;
  readonly revoked: boolean;
}

/** Tokens of the admin API, shared by the nodes that share a store. Every call rejects when that cannot be reached. */
export interface TokenDirectory {
  /** Tells what was put on record. */
  add(record: Omit<TokenRecord, 'madeAtMs' | 'revoked'>, secretSha256: string): Promise<TokenRecord>;
  /** The one of this secret that is in force; null: there is none. */
  find(secretSha256: string): Promise<TokenRecord | null>;
  /** In the order in which they were made; those that somebody owns or has made, or all. Sessions that are over are left out. */
  list(whose: string | null): Promise<readonly TokenRecord[]>;
  /** False: there is none that this one owns or has made, or anybody where null. */
  revoke(id: string, whose: string | null): Promise<boolean>;
}
