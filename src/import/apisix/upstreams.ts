import { isObject } from '#core/read-json.ts';
import { span, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';

export interface ReadUpstream {
  /** As it stands under `upstreams`. */
  readonly pool: Piece;
  /** What a route that leads there says beside. */
  readonly to: Piece;
}

const balancers: Readonly<Record<string, string>> = {
  roundrobin: 'round-robin',
  chash: 'consistent-hash',
  ewma: 'peak-ewma',
  least_conn: 'least-connections',
};

/** Null where it has no servers that can be said. */
export function readUpstream(fields: Fields): ReadUpstream | null {
  fields.take('id');
  fields.take('name');
  fields.take('desc');
  fields.take('labels');
  const scheme = fields.text('scheme') ?? 'http';
  const isGrpc = scheme === 'grpc' || scheme === 'grpcs';
  if (!['http', 'https', 'grpc', 'grpcs'].includes(scheme)) {
    fields.notCarried('scheme', 'only HTTP and gRPC are spoken');
    return null;
  }
  const url = scheme === 'https' || scheme === 'grpcs' ? 'https' : 'http';
  const pool: Piece = {};
  const targets = fields.has('nodes') ? readNodes(fields, url) : null;
  if (targets && targets.length > 0) pool['targets'] = targets;
  else {
    const discover = readDiscovery(fields, url);
    if (!discover) return null;
    pool['discover'] = discover;
  }
  if (isGrpc) pool['http2'] = url === 'https' ? 'alpn' : 'prior-knowledge';
  readBalance(fields, pool);
  readChecks(fields, pool);
  readRetries(fields, pool);
  readTls(fields, pool);
  const to = readHost(fields);
  const timeouts = readTimeouts(fields);
  if (timeouts) to['timeouts'] = timeouts;
  if (fields.has('keepalive_pool'))
    fields.differs('keepalive_pool', 'connections are kept as they are needed');
  fields.close('upstreams');
  return { pool, to };
}

function readNodes(fields: Fields, scheme: string): Piece[] {
  const nodes = fields.peek('nodes');
  const found: { url: string; weight: number; priority: number }[] = [];
  const take = (step: string | number, host: string, rest: Piece): void => {
    const { port, weight = 1, priority = 0 } = rest;
    const path = [...fields.path, 'nodes', step];
    const isPort =
      port === undefined || (Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536);
    if (!isPort || !/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/.test(host) || !isShare(weight))
      return fields.report.notCarried(path, 'expected a host, a port and a weight');
    fields.report.carried(path, 'a target of upstreams');
    found.push({
      url: `${scheme}://${host}${port === undefined ? '' : `:${String(port)}`}`,
      weight,
      priority: Number(priority) || 0,
    });
  };
  if (Array.isArray(nodes))
    (nodes as unknown[]).forEach((node, i) => {
      if (isObject(node)) take(i, String(node['host']), node);
      else fields.report.notCarried([...fields.path, 'nodes', i], 'expected a mapping');
    });
  else if (isObject(nodes))
    for (const [address, weight] of Object.entries(nodes)) {
      const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
      take(address, host, { weight, ...(port === undefined ? {} : { port: Number(port) }) });
    }
  else fields.notCarried('nodes', 'expected a mapping or a list');
  // There a higher number is asked first.
  const ranks = [...new Set(found.map(({ priority }) => priority))].sort((a, b) => b - a);
  return found.map(({ url, weight, priority }) => ({
    url,
    weight,
    ...(ranks.length > 1 ? { priority: Math.min(100, ranks.indexOf(priority)) } : {}),
  }));
}

const isShare = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1000;

function readDiscovery(fields: Fields, scheme: string): Piece | null {
  const service = fields.text('service_name');
  const kind = fields.text('discovery_type');
  if (service === undefined) {
    if (!fields.has('nodes')) fields.report.notCarried(fields.path, 'it names no servers');
    return null;
  }
  const [, name, port] = /^([A-Za-z0-9_][A-Za-z0-9._-]*)(?::(\d{1,5}))?$/.exec(service) ?? [];
  if (kind !== 'dns' || name === undefined) {
    fields.notCarried(
      'service_name',
      `discovery by ${kind ?? 'nothing'} is not known; name the servers, or discover by DNS, file or HTTP`,
    );
    return null;
  }
  return { dns: { name, ...(port === undefined ? { type: 'SRV' } : { port: Number(port) }), scheme } };
}

function readBalance(fields: Fields, pool: Piece): void {
  const type = fields.text('type') ?? 'roundrobin';
  const balance = balancers[type];
  if (balance === undefined) fields.notCarried('type', `"${type}" is not known; round-robin is taken`);
  else if (balance !== 'round-robin') pool['balance'] = balance;
  const on = fields.text('hash_on') ?? 'vars';
  const key = fields.text('key');
  if (type !== 'chash') return;
  const hashBy = hashOf(on, key);
  if (hashBy === null) fields.differs('key', 'this is nothing to go by here; the client’s address is taken');
  else pool['hashBy'] = hashBy;
}

function hashOf(on: string, key = 'remote_addr'): string | null {
  if (on === 'consumer') return 'key';
  if (on === 'cookie' && /^[A-Za-z0-9_-]+$/.test(key)) return `cookie:${key}`;
  if (on === 'header' && /^[A-Za-z0-9_-]+$/.test(key)) return `header:${key}`;
  if (on !== 'vars') return null;
  if (key === 'remote_addr') return 'client';
  const header = /^http_([a-z0-9_]+)$/.exec(key);
  if (header) return `header:${header[1]!.replaceAll('_', '-')}`;
  const cookie = /^cookie_([A-Za-z0-9_-]+)$/.exec(key);
  return cookie ? `cookie:${cookie[1]!}` : null;
}

function readRetries(fields: Fields, pool: Piece): void {
  const retries = fields.amount('retries');
  const total = fields.amount('retry_timeout');
  if (retries === undefined && !total) return;
  pool['retries'] = {
    ...(retries === undefined ? {} : { attempts: Math.min(10, Math.floor(retries) + 1) }),
    on: ['connect', 'reset', 'timeout'],
    ...(total ? { totalTimeout: span(total) } : {}),
  };
}

function readTls(fields: Fields, pool: Piece): void {
  const tls = fields.within('tls');
  if (!tls) return;
  const cert = tls.text('client_cert');
  const key = tls.text('client_key');
  if (cert !== undefined && key !== undefined) {
    pool['tls'] = {
      cert,
      key: fields.report.secret('UPSTREAM_CLIENT_KEY', 'key of a client certificate (tls.client_key), PEM'),
    };
    tls.close('upstreams: tls');
  } else tls.restNotCarried('certificates by id are not in the document: give tls.cert and tls.key');
}

/** There the client's Host goes on unless it is said otherwise. */
function readHost(fields: Fields): Piece {
  const pass = fields.text('pass_host') ?? 'pass';
  const host = fields.text('upstream_host');
  if (pass === 'rewrite' && host !== undefined && /^[A-Za-z0-9._:-]+$/.test(host))
    return { rewrite: { host } };
  return pass === 'pass' ? { preserveHost: true } : {};
}

/** Of an upstream, or of a route. */
export function readTimeouts(fields: Fields): Piece | null {
  const timeout = fields.within('timeout');
  if (!timeout) return null;
  const connect = timeout.amount('connect');
  const read = timeout.amount('read');
  const send = timeout.amount('send');
  if (send !== undefined) timeout.differs('send', 'the time between two reads holds for both ways');
  timeout.close('to.timeouts');
  return {
    ...(connect ? { connect: span(connect) } : {}),
    ...(read ? { header: span(read), idle: span(read) } : {}),
  };
}

function readChecks(fields: Fields, pool: Piece): void {
  const checks = fields.within('checks');
  if (!checks) return;
  const health: Piece = {};
  const active = checks.within('active');
  if (active) health['active'] = readActive(active);
  const passive = checks.within('passive');
  if (passive) health['passive'] = readPassive(passive);
  checks.close('health');
  if (Object.keys(health).length > 0) pool['health'] = health;
}

function readActive(active: Fields): Piece {
  const type = active.text('type') ?? 'http';
  const path = active.text('http_path') ?? '/';
  const port = active.amount('port');
  const timeout = active.amount('timeout');
  const host = active.text('host');
  if (host !== undefined) active.differs('host', 'members are asked by their own names');
  const { headers, odd } = headersOf(active);
  if (odd) active.differs('req_headers', 'those that are no headers are left out');
  const healthy = active.within('healthy');
  const every = healthy?.amount('interval');
  const successes = healthy?.amount('successes');
  const statuses = healthy?.numbers('http_statuses');
  healthy?.close('health.active');
  const unhealthy = active.within('unhealthy');
  const failures = unhealthy?.amount('http_failures') ?? unhealthy?.amount('tcp_failures');
  const other = unhealthy?.amount('interval');
  if (other !== undefined && other !== every)
    unhealthy!.differs('interval', 'members that fail are asked as often as others');
  unhealthy?.amount('tcp_failures');
  unhealthy?.amount('timeouts');
  if (unhealthy?.has('http_statuses'))
    unhealthy.differs('http_statuses', 'whatever is not a good status is a bad one');
  unhealthy?.close('health.active');
  active.close('health.active');
  const good = statuses?.filter((status) => status >= 100 && status < 600) ?? [];
  const within = (count: number, most: number) => Math.min(most, Math.max(1, Math.floor(count)));
  return {
    ...(type === 'tcp' || !/^\/[\x21-\x7e]*$/.test(path) ? { tcp: true } : { path }),
    ...(port && type !== 'tcp' && port < 65_536 ? { port: Math.floor(port) } : {}),
    ...(headers && type !== 'tcp' ? { headers } : {}),
    ...(good.length > 0 && type !== 'tcp' ? { expect: { status: good } } : {}),
    every: span(Math.max(1, every ?? 1)),
    timeout: span(Math.min(timeout || 1, Math.max(1, every ?? 1))),
    healthyAfter: within(successes ?? 2, 100),
    unhealthyAfter: within(failures ?? 5, 100),
  };
}

function headersOf(active: Fields): { headers: Record<string, string> | null; odd: boolean } {
  const list = active.texts('req_headers') ?? [];
  const pairs = list.flatMap((line) => {
    const pair = /^([A-Za-z0-9-]+):\s*([\x20-\x7e]*)$/.exec(line);
    return pair ? [[pair[1]!, pair[2]!] as const] : [];
  });
  return {
    headers: pairs.length > 0 ? Object.fromEntries(pairs) : null,
    odd: pairs.length < list.length,
  };
}

function readPassive(passive: Fields): Piece {
  const unhealthy = passive.within('unhealthy');
  const failures = unhealthy?.amount('http_failures');
  for (const key of ['tcp_failures', 'timeouts', 'http_statuses'])
    if (unhealthy?.has(key)) unhealthy.differs(key, 'failures of any kind, and 5xx, are counted together');
  unhealthy?.close('health.passive.failures');
  if (passive.has('healthy')) passive.differs('healthy', 'a member comes back after 30 s, and grows again');
  passive.text('type');
  passive.close('health.passive');
  return { failures: Math.min(1_000_000, Math.max(1, Math.floor(failures ?? 5))) };
}
