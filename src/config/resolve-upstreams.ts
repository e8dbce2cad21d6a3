import { dirname, resolve } from 'node:path';
import type { ActiveHealth } from '#core/active-health.ts';
import type { Discovery, DiscoverySource } from '#core/discovery.ts';
import type { ClientTls } from '#core/target.ts';
import type { UpstreamGroup } from '#core/snapshot.ts';
import { membersOf } from './member-list.ts';
import type { Problems } from './problem.ts';
import type { DiscoverSettings, HealthSettings } from './schema-discovery.ts';
import { resolvePool } from './resolve-pool.ts';
import { resolveOAuth2 } from './resolve-signer.ts';
import { resolveHedge, resolveRetries } from './resolve-retries.ts';
import type { ConfigDocument, UpstreamSettings } from './schema.ts';
import { parseDuration } from '#core/units.ts';

/** `source`: path of the configuration, which files are relative to. */
export function resolveUpstreams(
  document: ConfigDocument,
  source: string,
  problems: Problems,
): Record<string, UpstreamGroup> {
  const groups: Record<string, UpstreamGroup> = {};
  for (const [name, settings] of Object.entries(document.upstreams ?? {})) {
    const add = (step: string, message: string) =>
      problems.add(['upstreams', name, ...step.split('.')], message);
    if (settings.targets && settings.discover)
      add('discover', 'expected either "targets" or "discover", got both');
    groups[name] = {
      ...resolveUpstream(name, settings, add),
      discovery: settings.discover ? discoveryOf(settings.discover, { document, source, add }) : null,
      health: settings.health?.active ? activeOf(settings.health.active, add) : null,
    };
  }
  return groups;
}

export function resolveUpstream(name: string, settings: UpstreamSettings, add: Add): UpstreamGroup {
  const { targets = [], balance = 'round-robin', health, retries, hedge } = settings;
  return {
    name,
    pool: resolvePool({
      balance,
      hashBy: { kind: 'client' },
      fields: settings,
      passive: health?.passive,
    }),
    members: membersOf(targets),
    http2: http2Of(settings.http2),
    tls: clientTlsOf(settings.tls),
    signer: settings.oauth2 ? resolveOAuth2(settings.oauth2, (message) => add('oauth2', message)) : null,
    discovery: null,
    health: null,
    ...(retries ? { retries: resolveRetries(retries) } : {}),
    ...(hedge ? { hedge: resolveHedge(hedge) } : {}),
  };
}

export const http2Of = (setting: UpstreamSettings['http2']): UpstreamGroup['http2'] =>
  setting === undefined || setting === 'never' ? null : setting;

export const clientTlsOf = (settings: UpstreamSettings['tls']): ClientTls | null =>
  settings ? { ca: settings.ca ?? null, cert: settings.cert ?? null, key: settings.key ?? null } : null;

type Add = (step: string, message: string) => void;

function discoveryOf(
  settings: DiscoverSettings,
  scope: { document: ConfigDocument; source: string; add: Add },
): Discovery {
  const { dns, file, http } = settings;
  if ([dns, file, http].filter(Boolean).length > 1)
    scope.add('discover', 'expected one of "dns", "file" and "http", got several');
  return {
    source: sourceOf(settings, scope),
    startupWaitMs: parseDuration(settings.startupWait ?? '10s'),
  };
}

function sourceOf(
  { dns, file, http }: DiscoverSettings,
  { document, source, add }: { document: ConfigDocument; source: string; add: Add },
): DiscoverySource {
  if (dns) {
    const { name, type = 'A', port, scheme = 'http', every, minTtl } = dns;
    if (type === 'SRV' && port !== undefined)
      add('discover.dns.port', 'SRV records have ports of their own; leave it out');
    if (type !== 'SRV' && port === undefined)
      add('discover.dns', `"port" is missing: ${type} records have none`);
    return {
      kind: 'dns',
      name,
      type,
      port: port ?? 0,
      scheme,
      everyMs: every === undefined ? null : atLeast100(every),
      minTtlMs: atLeast100(minTtl ?? '1s'),
      servers: document.dns?.servers ?? null,
    };
  }
  if (file) return { kind: 'file', path: resolve(dirname(source), file.path) };
  return {
    kind: 'http',
    url: http!.url,
    everyMs: atLeast100(http!.every ?? '30s'),
    timeoutMs: atLeast100(http!.timeout ?? '5s'),
    headers: headerList(http!.headers),
  };
}

function activeOf(settings: NonNullable<HealthSettings['active']>, add: Add): ActiveHealth {
  const { path, tcp, method = 'GET', headers, expect } = settings;
  if (path !== undefined && tcp) add('health.active', 'expected either "path" or "tcp", got both');
  for (const key of ['method', 'headers', 'expect'] as const)
    if (tcp && settings[key] !== undefined) add(`health.active.${key}`, 'belongs to "path", not to "tcp"');
  const statuses = (expect?.status ?? ['200-299']).map((entry): [number, number] => {
    const [from, to = from] = String(entry).split('-').map(Number);
    return [from!, to!];
  });
  for (const [from, to] of statuses)
    if (from > to) add('health.active.expect.status', `the range ${from}-${to} is empty`);
  return {
    probe: tcp
      ? { kind: 'tcp' }
      : {
          kind: 'http',
          method,
          path: path ?? '/',
          headers: headerList(headers),
          statuses,
          bodyContains: expect?.bodyContains ?? null,
        },
    everyMs: atLeast100(settings.every ?? '10s'),
    timeoutMs: atLeast100(settings.timeout ?? '2s'),
    healthyAfter: settings.healthyAfter ?? 2,
    unhealthyAfter: settings.unhealthyAfter ?? 3,
    jitter: settings.jitter ?? 0.1,
    port: settings.port ?? null,
  };
}

/** Nobody is asked more often than ten times a second. */
const atLeast100 = (written: string | number) => Math.max(100, parseDuration(written));

const headerList = (headers: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]);
