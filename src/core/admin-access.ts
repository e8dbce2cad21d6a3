import type { RoleGrant } from './principal.ts';

/** So many in a span, all of which may come at once. */
export interface AdminRate {
  readonly amount: number;
  readonly windowMs: number;
}

/** How people sign in: an OpenID provider, and what its claims mean here. */
export interface OidcSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client, which PKCE alone protects. */
  readonly clientSecret: string | null;
  readonly scopes: readonly string[];
  /** Whose value is looked up among the users of the configuration. */
  readonly userClaim: string;
  /** Whose values, a text or a list of texts, `roles` are given by. */
  readonly rolesClaim: string;
  readonly roles: Readonly<Record<string, readonly RoleGrant[]>>;
  readonly sessionMs: number;
  /** Where browsers reach the admin API, without a path; null: where they asked. */
  readonly publicUrl: string | null;
}

/** Who may use the admin API, and how much of it. */
export interface AdminAccess {
  readonly users: Readonly<Record<string, readonly RoleGrant[]>>;
  /** Null: nobody signs in. */
  readonly oidc: OidcSettings | null;
  readonly limits: {
    /** Of each principal; of each address as long as it has not said who it is. */
    readonly requests: AdminRate;
    /** Wrong credentials of each address. */
    readonly failures: AdminRate;
  };
}
