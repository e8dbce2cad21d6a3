import { hash } from 'node:crypto';
import type { AdminAccess } from '#core/admin-access.ts';
import type { AccessControl, Person, TokenControl } from '#core/contracts/access-control.ts';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { TokenDirectory, TokenRecord } from '#core/contracts/token-directory.ts';
import { covers, reachOf, rootPrincipal, type RoleGrant } from '#core/principal.ts';
import { randomBase62 } from '#storage/embedded/random-secret.ts';

export interface AccessControlParts {
  readonly directory: TokenDirectory;
  /** Rules in force. */
  settings(): AdminAccess;
  /** Is this the token of the state directory? */
  isRoot(secret: string): boolean;
}

const prefixes = { token: 'sluice-token-', session: 'sluice-session-' } as const;
const userPrefix = 'user:';
const servicePrefix = 'token:';
const dayMs = 86_400_000;
const usualDays = 90;
const mostDays = 366;

export function createAccessControl({ directory, settings, isRoot }: AccessControlParts): AccessControl {
  /** Of a user of the configuration; null: it is none, or none any more. */
  const rolesOfUser = (name: string): readonly RoleGrant[] | null => {
    const { users } = settings();
    return Object.hasOwn(users, name) ? users[name]! : null;
  };

  /** What a token gives now: a user's, or one that a user has made, never more than the user has. */
  function rolesOf({ owner, maker, roles }: TokenRecord): readonly RoleGrant[] | null {
    const user = [owner, maker].find((id) => id.startsWith(userPrefix));
    if (user === undefined) return roles;
    const current = rolesOfUser(user.slice(userPrefix.length));
    return current && (roles?.filter((grant) => covers(current, grant)) ?? current);
  }

  async function begin(
    record: Omit<TokenRecord, 'id' | 'madeAtMs' | 'revoked'>,
    id = newId(record.kind),
  ): Promise<{ token: TokenRecord; secret: string }> {
    const secret = prefixes[record.kind] + randomBase62(32);
    return { token: await reached(directory.add({ ...record, id }, hash('sha256', secret, 'hex'))), secret };
  }

  const tokens: TokenControl = {
    list: (principal) =>
      reached(directory.list(reachOf(principal, 'tokens.read') === 'all' ? null : principal.id)),
    async create(maker, { name, user, roles, scopes, expiresAtMs }) {
      if (maker.id.startsWith(servicePrefix))
        throw new ControlError(403, 'A token that stands for itself makes no others: who has made it does.');
      const nowMs = Date.now();
      // What a token makes ends with it: else one that leaked could make itself last.
      const endMs = (maker.via === 'token' && maker.expiresAtMs) || Infinity;
      const latestMs = Math.min(endMs, nowMs + mostDays * dayMs);
      const endsAtMs = expiresAtMs ?? Math.min(latestMs, nowMs + usualDays * dayMs);
      if (endsAtMs <= nowMs || endsAtMs > latestMs)
        throw new ControlError(
          400,
          `expiresAtMs: expected a time from now until ${new Date(latestMs).toISOString()}.`,
        );
      if (user !== undefined && reachOf(maker, 'tokens.write') !== 'all')
        throw new ControlError(403, 'Only an owner makes tokens for others.');
      if (user !== undefined && !rolesOfUser(user))
        throw new ControlError(400, `There is no user "${user}" under admin.users of the configuration.`);
      const excess = roles?.find((grant) => !covers(maker.roles, grant));
      if (excess) throw new ControlError(403, `You have not got the role ${roleText(excess)} yourself.`);
      const beyond = scopes?.find((scope) => maker.scopes !== null && !maker.scopes.includes(scope));
      if (beyond) throw new ControlError(403, `You may not use "${beyond}" yourself.`);
      const id = newId('token');
      const owner = user === undefined ? maker.id : userPrefix + user;
      const given = {
        ...{ name, kind: 'token' as const, maker: maker.id, expiresAtMs: endsAtMs },
        scopes: scopes ?? maker.scopes,
      };
      // With roles of its own it is somebody of its own, who sees nothing of its maker's.
      return roles !== undefined && user === undefined
        ? begin({ ...given, owner: servicePrefix + id, ownerName: name, roles }, id)
        : begin(
            {
              ...{ ...given, owner, ownerName: user ?? maker.name },
              roles: roles ?? (owner.startsWith(userPrefix) ? null : maker.roles),
            },
            id,
          );
    },
    async revoke(principal, id) {
      const owner = reachOf(principal, 'tokens.write') === 'all' ? null : principal.id;
      if (!(await reached(directory.revoke(id, owner))))
        throw new ControlError(404, `There is no token "${id}".`);
    },
  };

  return {
    settings,
    tokens,
    async admit(secret, kind) {
      if (kind === 'token' && isRoot(secret)) return rootPrincipal;
      if (!secret.startsWith(prefixes[kind])) return null;
      const record = await reached(directory.find(hash('sha256', secret, 'hex')));
      if (record?.kind !== kind) return null;
      const roles = rolesOf(record);
      if (roles === null || roles.length === 0) return null;
      const { id: token, owner: id, ownerName: name, scopes, expiresAtMs } = record;
      const via = kind === 'session' ? 'oidc' : 'token';
      return { id, name, via, roles, scopes, token, expiresAtMs };
    },
    async signIn(person) {
      const { oidc } = settings();
      if (!oidc) return null;
      const { name, user } = nameOf(person, oidc.userClaim);
      const known = user !== null && rolesOfUser(user) !== null;
      const roles = known ? null : rolesByClaim(person, oidc);
      if (roles?.length === 0) return null;
      const expiresAtMs = Date.now() + oidc.sessionMs;
      const owner = known ? userPrefix + user : `oidc:${person.subject}`;
      const { secret } = await begin({
        ...{ name: 'browser', kind: 'session', owner, ownerName: name, maker: owner },
        ...{ roles, scopes: null, expiresAtMs },
      });
      return { secret, expiresAtMs };
    },
    async signOut({ id, token }) {
      if (token) await reached(directory.revoke(token, id));
    },
  };
}

const newId = (kind: TokenRecord['kind']): string => `${kind}-${randomBase62(16)}`;

/** By an address somebody is known only where the provider has seen that it is theirs. */
function nameOf({ subject, claims }: Person, userClaim: string): { name: string; user: string | null } {
  const value = claims[userClaim];
  const isProven = userClaim !== 'email' || claims['email_verified'] === true;
  const user = typeof value === 'string' && value !== '' && isProven ? value : null;
  const shown = ['email', 'preferred_username', 'name'].map((claim) => claims[claim]);
  const name = user ?? shown.find((text) => typeof text === 'string' && text !== '') ?? subject;
  return { user, name: String(name).slice(0, 128) };
}

function rolesByClaim(
  { claims }: Person,
  { rolesClaim, roles }: NonNullable<AdminAccess['oidc']>,
): readonly RoleGrant[] {
  const values = [claims[rolesClaim]].flat().filter((value) => typeof value === 'string');
  return values.flatMap((value) => (Object.hasOwn(roles, value) ? roles[value]! : []));
}

const roleText = ({ role, team }: RoleGrant): string => (team === null ? role : `${role} of ${team}`);

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new ControlError(503, (error as Error).message);
  }
}
