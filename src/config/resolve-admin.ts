import { isIP } from 'node:net';
import type { AdminAccess, AdminRate, OidcSettings } from '#core/admin-access.ts';
import type { RoleGrant } from '#core/principal.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { parseDuration } from '#core/units.ts';
import type { Path } from './places.ts';
import { didYouMean, type Problems } from './problem.ts';
import { resolveCertificate } from './resolve-tls.ts';
import type { ConfigDocument } from './schema.ts';

type AdminDocument = NonNullable<ConfigDocument['admin']>;
type GrantSettings = NonNullable<AdminDocument['users']>[string]['roles'];

/** Where the admin API listens: settled at the start, but for renewed certificates. */
export function resolveAdmin({ admin = {} }: ConfigDocument, problems: Problems): Snapshot['admin'] {
  const { host = '127.0.0.1', port = 9080, hosts = [], probes, tls } = admin;
  const certificate = tls ? resolveCertificate(tls, ['admin', 'tls'], problems) : null;
  return {
    host,
    port,
    hosts,
    probes: probes ? { host: probes.host ?? '0.0.0.0', port: probes.port } : null,
    tls: certificate && { ...certificate, minVersion: tls?.minVersion ?? 'TLSv1.2' },
  };
}

/** Who may use it: a reload puts it in force. */
export function resolveAccess(document: ConfigDocument, problems: Problems): AdminAccess {
  const { users = {}, oidc, limits = {} } = document.admin ?? {};
  // A node's own file, which says who may use it, may leave teams to the document that all nodes share.
  const teams = document.teams && Object.keys(document.teams);
  const grantsOf = (settings: GrantSettings, path: Path): RoleGrant[] =>
    settings.map(({ role, team = null }, i) => {
      if (team !== null && teams && !teams.includes(team))
        problems.add([...path, i, 'team'], `unknown team "${team}"${didYouMean(team, teams)}`);
      return { role, team };
    });
  return {
    users: Object.fromEntries(
      Object.entries(users).map(([name, user]) => [
        name,
        grantsOf(user.roles, ['admin', 'users', name, 'roles']),
      ]),
    ),
    oidc: oidc ? resolveOidc(oidc, grantsOf, problems) : null,
    limits: {
      requests: parseRate(limits.requests ?? '6000/min'),
      failures: parseRate(limits.failures ?? '30/min'),
    },
  };
}

function resolveOidc(
  oidc: NonNullable<AdminDocument['oidc']>,
  grantsOf: (settings: GrantSettings, path: Path) => RoleGrant[],
  problems: Problems,
): OidcSettings {
  const { issuer, clientId, clientSecret = null, roles = {} } = oidc;
  if (!isConfidential(issuer))
    problems.add(['admin', 'oidc', 'issuer'], 'expected https: whoever is between could sign anybody in');
  const entries = Object.entries(roles).map(
    ([value, grants]) => [value, grantsOf(grants, ['admin', 'oidc', 'roles', value])] as const,
  );
  return {
    issuer,
    clientId,
    clientSecret,
    scopes: [...new Set(['openid', ...(oidc.scopes ?? ['profile', 'email'])])],
    userClaim: oidc.userClaim ?? 'email',
    rolesClaim: oidc.rolesClaim ?? 'groups',
    roles: Object.fromEntries(entries),
    sessionMs: parseDuration(oidc.session ?? '8h'),
    publicUrl: oidc.publicUrl ?? null,
  };
}

/** Plain text is for a provider on this machine only. */
function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const bare = hostname.replace(/^\[|\]$/g, '');
  const isLoopback = bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
  return protocol === 'https:' || isLoopback;
}

const spanMs: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000 };

function parseRate(text: string): AdminRate {
  const [amount, span] = text.split('/') as [string, string];
  return { amount: Number(amount), windowMs: spanMs[span]! };
}
