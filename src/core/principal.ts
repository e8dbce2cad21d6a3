/** What a person may do on the admin API: everywhere, or for one team. */
export const roles = ['owner', 'operator', 'developer', 'auditor', 'billing'] as const;
export type Role = (typeof roles)[number];

export interface RoleGrant {
  readonly role: Role;
  /** Null: everywhere. */
  readonly team: string | null;
}

/** Who asks something of the admin API. */
export interface Principal {
  /** `admin-token`, `user:NAME` of the configuration, `oidc:SUBJECT`, `token:ID` of one with roles of its own, or `edge:NODE`. */
  readonly id: string;
  /** For people to read. */
  readonly name: string;
  readonly via: 'admin-token' | 'token' | 'oidc' | 'edge';
  readonly roles: readonly RoleGrant[];
  /** What of its roles' permissions it may use; null: all of them. */
  readonly scopes: readonly Permission[] | null;
  /** Id of the personal token, or of the session, that it came with; null: neither. */
  readonly token: string | null;
  /** Of that; null: it does not end. */
  readonly expiresAtMs: number | null;
}

interface Granted {
  readonly roles: readonly Role[];
  /** Can it be had for one team? Then a role for a team gives it there; else only a role everywhere gives it. */
  readonly perTeam: boolean;
  /** What it allows. */
  readonly allows: string;
}

const everywhere = (allows: string, ...given: Role[]): Granted => ({ roles: given, perTeam: false, allows });
const perTeam = (allows: string, ...given: Role[]): Granted => ({ roles: given, perTeam: true, allows });

/** Who may do what: the one table. */
const table = {
  self: perTeam("see who one is, and make, list and revoke one's own tokens", ...roles),
  'status.read': everywhere('see version, workers and the configuration in force', ...roles),
  'traffic.read': everywhere(
    'see upstreams, discovery and estimates',
    ...(['owner', 'operator', 'developer', 'auditor'] as const),
  ),
  'traffic.write': everywhere('drain members of groups', 'owner', 'operator'),
  explain: everywhere('ask what would happen to a request', 'owner', 'operator', 'developer'),
  'keys.read': perTeam('list keys', 'owner', 'operator', 'developer', 'auditor'),
  'keys.write': perTeam('make, change, rotate and revoke keys', 'owner', 'operator', 'developer'),
  'projects.read': perTeam('read teams, projects, consumers and keys of the configuration', ...roles),
  'projects.write': perTeam('change projects, consumers and keys of the configuration', 'owner', 'operator'),
  'config.read': everywhere(
    'read the configuration and its versions',
    ...(['owner', 'operator', 'developer', 'auditor'] as const),
  ),
  'config.write': everywhere('check and apply configurations', 'owner', 'operator'),
  'access.write': everywhere('say who may use the admin API: `admin` of the configuration', 'owner'),
  'nodes.read': everywhere('see nodes and invitations', 'owner', 'operator', 'auditor'),
  'nodes.write': everywhere('let edge nodes join, and no more', 'owner', 'operator'),
  'usage.read': perTeam('read sums of usage and cost', ...roles),
  'receipts.read': perTeam('read receipts', ...roles),
  'ledger.verify': everywhere('prove the ledger', 'owner', 'operator', 'auditor', 'billing'),
  'ledger.rerate': everywhere('price receipts anew', 'owner', 'billing'),
  'events.read': everywhere(
    'see webhooks and dead letters',
    ...(['owner', 'operator', 'auditor', 'billing'] as const),
  ),
  'events.write': everywhere('resume webhooks, redeliver and discard dead letters', 'owner', 'operator'),
  'tokens.read': everywhere('list everybody’s tokens', 'owner', 'auditor'),
  'tokens.write': everywhere('make tokens for users, and revoke anybody’s', 'owner'),
  'audit.read': everywhere('search, verify and export the audit log', 'owner', 'auditor'),
  'audit.write': everywhere('erase what the audit log keeps of a project', 'owner'),
  'secrets.write': everywhere('rotate what secrets are kept under', 'owner'),
} satisfies Record<string, Granted>;

export type Permission = keyof typeof table;

export const permissions = Object.keys(table) as readonly Permission[];

/** For documentation: whom the table gives a permission, and what it allows. */
export const grantedBy = (permission: Permission): Granted => table[permission];

/** The teams that somebody may do something for. */
export type Reach = 'all' | ReadonlySet<string>;

/** Null: nothing. */
export function reachOf(
  { roles: granted, scopes }: Pick<Principal, 'roles' | 'scopes'>,
  permission: Permission,
): Reach | null {
  if (scopes !== null && !scopes.includes(permission)) return null;
  const { roles: given, perTeam: canBeOfTeam } = grantedBy(permission);
  const teams = new Set<string>();
  for (const { role, team } of granted) {
    if (!given.includes(role)) continue;
    if (team === null) return 'all';
    if (canBeOfTeam) teams.add(team);
  }
  return teams.size > 0 ? teams : null;
}

export const isWithin = (reach: Reach, team: string): boolean => reach === 'all' || reach.has(team);

/** Gives `grant` nothing that its holder has not got? */
export function covers(holder: readonly RoleGrant[], grant: RoleGrant): boolean {
  return permissions.every((permission) => {
    const asked = reachOf({ roles: [grant], scopes: null }, permission);
    if (asked === null) return true;
    const had = reachOf({ roles: holder, scopes: null }, permission);
    return had === 'all' || (had !== null && asked !== 'all' && [...asked].every((team) => had.has(team)));
  });
}

/** The permissions that somebody has anywhere. */
export const permissionsOf = (principal: Principal): Permission[] =>
  permissions.filter((permission) => reachOf(principal, permission) !== null);

/** Whoever has the token of the state directory. */
export const rootPrincipal: Principal = {
  id: 'admin-token',
  name: 'admin',
  via: 'admin-token',
  roles: [{ role: 'owner', team: null }],
  scopes: null,
  token: null,
  expiresAtMs: null,
};
