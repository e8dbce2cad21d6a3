import type { AdminAccess } from '../admin-access.ts';
import type { Permission, Principal, RoleGrant } from '../principal.ts';
import type { TokenRecord } from './token-directory.ts';

/** Who is let into the admin API. Every call rejects with ControlError 503 when the directory of tokens cannot be asked. */
export interface AccessControl {
  /** Rules in force. */
  settings(): AdminAccess;
  /** Whose token or session this is; null: nobody's, or not in force. */
  admit(secret: string, kind: 'token' | 'session'): Promise<Principal | null>;
  readonly tokens: TokenControl;
  /** Begins the session of a person that a provider has named; null: there is no role for it. */
  signIn(person: Person): Promise<{ readonly secret: string; readonly expiresAtMs: number } | null>;
  /** Ends a session. */
  signOut(principal: Principal): Promise<void>;
}

/** As an OpenID provider tells of somebody. */
export interface Person {
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface TokenControl {
  /** One's own, or everybody's. */
  list(principal: Principal): Promise<readonly TokenRecord[]>;
  /** The secret is given this once. @throws ControlError 400, 403 when it would have more than its maker. */
  create(
    maker: Principal,
    wish: TokenWish,
  ): Promise<{ readonly token: TokenRecord; readonly secret: string }>;
  /** In force nowhere when it resolves. @throws ControlError 404. */
  revoke(principal: Principal, id: string): Promise<void>;
}

export interface TokenWish {
  readonly name: string;
  /** A user of the configuration; absent: its maker. */
  readonly user?: string;
  /** Absent: its owner's, as they are now; a user's, as they are whenever it is used. */
  readonly roles?: readonly RoleGrant[];
  /** Absent: its maker's. */
  readonly scopes?: readonly Permission[];
  /** Absent: 90 days from now. */
  readonly expiresAtMs?: number;
}
