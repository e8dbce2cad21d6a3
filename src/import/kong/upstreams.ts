import { span, type Draft, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { isCalled } from './entities.ts';

const balancers: Readonly<Record<string, string>> = {
  'round-robin': 'round-robin',
  'least-connections': 'least-connections',
  latency: 'peak-ewma',
  'consistent-hashing': 'consistent-hash',
};

export interface Leading {
  /** Name of a group. */
  readonly upstream: string;
  /** What a route that leads there says beside. */
  readonly to: Piece;
}

/** The group of servers that a service leads to; null where there are none. */
export function readService(
  service: Fields,
  { draft, upstreams }: { readonly draft: Draft; readonly upstreams: readonly Fields[] },
): Leading | null {
  for (const key of ['id', 'name', 'tags']) service.take(key);
  if (service.flag('enabled') === false) {
    service.restNotCarried('it is off');
    return null;
  }
  const url = service.text('url');
  const said = url === undefined ? null : URL.parse(url);
  const protocol = said ? said.protocol.slice(0, -1) : (service.text('protocol') ?? 'http');
  const host = said ? said.hostname : service.text('host');
  const port = said ? said.port || undefined : service.amount('port');
  const path = (said ? said.pathname : (service.text('path') ?? '')).replace(/\/$/, '');
  if (!['http', 'https', 'grpc', 'grpcs'].includes(protocol) || host === undefined) {
    service.restNotCarried('only HTTP and gRPC are spoken, to a host');
    return null;
  }
  const scheme = protocol === 'https' || protocol === 'grpcs' ? 'https' : 'http';
  const base = { scheme, path: /^(\/[^\s?#]*)?$/.test(path) ? path : '' };
  const group = upstreams.find((each) => isCalled(each, host));
  const pool = group ? readUpstream(group, base) : { targets: targetsOf({ ...base, host, port }) };
  if (protocol.startsWith('grpc')) pool['http2'] = scheme === 'https' ? 'alpn' : 'prior-knowledge';
  const to = readTimes(service, pool);
  for (const key of ['client_certificate', 'ca_certificates', 'tls_verify', 'tls_verify_depth', 'tls_sans'])
    if (service.has(key))
      service.notCarried(
        key,
        'say upstreams: tls with ca, cert and key; servers must always prove who they are',
      );
  service.close('upstreams');
  if ((pool['targets'] as unknown[]).length === 0) return null;
  const name = service.peek('name');
  return { upstream: draft.add('upstreams', typeof name === 'string' ? name : host, pool), to };
}

interface Server {
  readonly scheme: string;
  readonly path: string;
  readonly host: string;
  readonly port: number | string | undefined;
}

/** None where it is no address. */
function targetsOf({ scheme, host, port, path }: Server): string[] {
  const isHost = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/.test(host);
  const isPort = port === undefined || (/^\d{1,5}$/.test(String(port)) && Number(port) < 65_536);
  return isHost && isPort ? [`${scheme}://${host}${port === undefined ? '' : `:${port}`}${path}`] : [];
}

/** Times are in milliseconds there. */
function readTimes(service: Fields, pool: Piece): Piece {
  const retries = service.amount('retries');
  if (retries !== undefined)
    pool['retries'] = {
      attempts: Math.min(10, Math.floor(retries) + 1),
      on: ['connect', 'reset', 'timeout'],
    };
  const connect = service.amount('connect_timeout');
  const read = service.amount('read_timeout');
  if (service.has('write_timeout'))
    service.differs('write_timeout', 'the time between two reads holds for both ways');
  const timeouts = {
    ...(connect ? { connect: span(connect / 1000) } : {}),
    ...(read ? { header: span(read / 1000), idle: span(read / 1000) } : {}),
  };
  return Object.keys(timeouts).length > 0 ? { timeouts } : {};
}

function readUpstream(fields: Fields, { scheme, path }: Pick<Server, 'scheme' | 'path'>): Piece {
  for (const key of ['id', 'name', 'tags']) fields.take(key);
  const pool: Piece = {};
  pool['targets'] = fields.each('targets').flatMap((each) => {
    const target = each.text('target') ?? '';
    const weight = Math.min(1000, Math.floor(each.amount('weight') ?? 100));
    for (const key of ['id', 'tags']) each.take(key);
    const [, host = '', port = '8000'] = /^(.*?)(?::(\d{1,5}))?$/.exec(target) ?? [];
    const [url] = targetsOf({ scheme, path, host, port });
    if (url === undefined) each.notCarried('target', 'expected a host and a port');
    each.close('upstreams: targets');
    return url === undefined ? [] : [{ url, weight }];
  });
  const algorithm = fields.text('algorithm') ?? 'round-robin';
  const balance = Object.hasOwn(balancers, algorithm) ? balancers[algorithm]! : null;
  if (balance === null) fields.notCarried('algorithm', 'round-robin is taken; see "sticky" of upstreams');
  else if (balance !== 'round-robin') pool['balance'] = balance;
  readHashing(fields, pool);
  readChecks(fields, pool);
  const others = ['slots', 'hash_fallback', 'hash_fallback_header', 'hash_on_cookie_path', 'host_header'];
  for (const key of [...others, 'use_srv_name', 'client_certificate'])
    if (fields.has(key)) fields.notCarried(key, 'see docs/upstreams.md for what takes its place');
  fields.close('upstreams');
  return pool;
}

function readHashing(fields: Fields, pool: Piece): void {
  const on = fields.text('hash_on') ?? 'none';
  const header = fields.text('hash_on_header') ?? '';
  const cookie = fields.text('hash_on_cookie') ?? '';
  if (on === 'none') return;
  const isName = (name: string): boolean => /^[A-Za-z0-9_-]+$/.test(name);
  const by: Record<string, string | null> = {
    consumer: 'key',
    ip: 'client',
    header: isName(header) ? `header:${header}` : null,
    cookie: isName(cookie) ? `cookie:${cookie}` : null,
  };
  const hashBy = Object.hasOwn(by, on) ? by[on]! : null;
  if (hashBy === null) fields.differs('hash_on', 'the client’s address is taken');
  else pool['hashBy'] = hashBy;
  pool['balance'] = 'consistent-hash';
}

function readChecks(fields: Fields, pool: Piece): void {
  const checks = fields.within('healthchecks');
  if (!checks) return;
  if (checks.has('threshold')) checks.notCarried('threshold', 'see whenAllOut');
  const active = checks.within('active');
  const passive = checks.within('passive');
  const health = {
    ...(active ? readActive(active) : {}),
    ...(passive ? readPassive(passive) : {}),
  };
  checks.close('health');
  if (Object.keys(health).length > 0) pool['health'] = health;
}

function readActive(active: Fields): Piece {
  const good = active.within('healthy');
  const bad = active.within('unhealthy');
  const interval = good?.amount('interval') ?? 0;
  const successes = good?.amount('successes') ?? 0;
  const statuses = good?.numbers('http_statuses')?.filter((status) => status >= 100 && status < 600) ?? [];
  const failures = bad?.amount('http_failures') ?? 0;
  for (const key of ['interval', 'tcp_failures', 'timeouts', 'http_statuses'])
    if (bad?.has(key))
      bad.differs(key, 'members that fail are asked as often as others, and whatever is not good is bad');
  good?.close('health.active');
  bad?.close('health.active');
  const isTcp = active.text('type') === 'tcp';
  const path = active.text('http_path') ?? '/';
  const timeout = active.amount('timeout') || 1;
  for (const key of ['concurrency', 'headers', 'https_sni', 'https_verify_certificate'])
    if (active.has(key)) active.notCarried(key, 'see docs/discovery.md, active health checks');
  active.close('health.active');
  // With an interval of 0 nobody is asked.
  if (interval === 0) return {};
  const times = (count: number): number => Math.min(100, Math.max(1, Math.floor(count)));
  return {
    active: {
      ...(isTcp || !/^\/[\x21-\x7e]*$/.test(path) ? { tcp: true } : { path }),
      ...(!isTcp && statuses.length > 0 ? { expect: { status: statuses } } : {}),
      every: span(Math.max(1, interval)),
      timeout: span(Math.min(timeout, Math.max(1, interval))),
      healthyAfter: times(successes),
      unhealthyAfter: times(failures),
    },
  };
}

function readPassive(passive: Fields): Piece {
  const bad = passive.within('unhealthy');
  const failures = Math.floor(bad?.amount('http_failures') ?? 0);
  for (const key of ['tcp_failures', 'timeouts', 'http_statuses'])
    if (bad?.has(key)) bad.differs(key, 'failures of any kind, and 5xx, are counted together');
  bad?.close('health.passive');
  if (passive.has('healthy')) passive.differs('healthy', 'a member comes back after 30 s, and grows again');
  passive.text('type');
  passive.close('health.passive');
  return failures > 0 ? { passive: { failures: Math.min(1_000_000, failures) } } : {};
}
