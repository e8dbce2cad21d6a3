import { rateOf, span, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { headerMap, place } from '../route-parts.ts';
import { without } from '../plugin-reader.ts';
import type { Plugin, PluginPlace } from './plugin.ts';
import { conditionPieces, readVars } from './vars.ts';

/** What a limit counts by; null where that is not known. */
function subjectOf(fields: Fields): string | string[] | null {
  const type = fields.text('key_type') ?? 'var';
  const key = fields.text('key') ?? 'remote_addr';
  if (type === 'constant') return 'route';
  const one = (name: string): string | null => {
    const header = /^http_([a-z0-9_]+)$/.exec(name);
    if (header) return `header:${header[1]!.replaceAll('_', '-')}`;
    const known: Record<string, string> = {
      ...{ remote_addr: 'address', consumer_name: 'consumer', route_id: 'route' },
      ...{ server_addr: 'route', service_id: 'route' },
    };
    return Object.hasOwn(known, name) ? known[name]! : null;
  };
  if (type === 'var') return one(key);
  const names = key.split(/\s+/).map((name) => one(name.replace(/^\$/, '')));
  return names.length <= 4 && names.every((name) => name !== null) ? [...new Set(names)] : null;
}

/** What limits have in common; null: it cannot be kept. */
function limit(fields: Fields, what: string): string | string[] | null {
  const by = subjectOf(fields);
  const status = fields.amount('rejected_code');
  fields.differs(
    'rejected_code',
    `refused calls get 429 and Retry-After${status === undefined ? '' : `, not ${status}`}`,
  );
  if (fields.has('rejected_msg')) fields.differs('rejected_msg', 'refusals are problem documents (RFC 9457)');
  for (const key of [
    'policy',
    'redis_host',
    'redis_port',
    'redis_database',
    'redis_cluster_nodes',
    'redis_cluster_name',
    'redis_username',
    'redis_timeout',
  ])
    if (fields.has(key)) fields.differs(key, 'nodes that share limits do so by storage.redis');
  if (fields.has('redis_password'))
    fields.notCarried('redis_password', 'nodes that share limits do so by storage.redis');
  for (const key of ['allow_degradation', 'show_limit_quota_header'])
    if (fields.has(key))
      fields.differs(key, 'of all limits: storage.redis.whenUnavailable, and ratelimit headers');
  if (fields.has('group'))
    fields.notCarried('group', 'each route counts by itself; share a list of policies');
  if (by === null) fields.restNotCarried(`${what} by this is not known; see rate-limit's "by"`);
  return by;
}

const limitCount: Plugin = (fields, { parts }) => {
  const rate = rateOf(fields.amount('count') ?? 0, fields.amount('time_window') ?? 0);
  const by = limit(fields, 'a limit');
  if (by === null) return;
  if (rate === null) return fields.restNotCarried('no number of calls in a number of seconds, up to 31 days');
  fields.differs('time_window', 'the window slides: no more calls in any span of that length');
  parts.policy(place.limit, 'rate-limit', { by, requests: rate });
  fields.close('rate-limit');
};

const limitReq: Plugin = (fields, { parts }) => {
  const rate = fields.amount('rate') ?? 0;
  const burst = fields.amount('burst') ?? 0;
  const by = limit(fields, 'a rate');
  if (by === null) return;
  const perMinute = Math.floor(rate * 60);
  if (perMinute < 1) return fields.restNotCarried('a rate of less than one in a minute');
  if (fields.flag('nodelay') !== true)
    fields.differs('nodelay', 'calls above the rate are not delayed: within the burst they pass at once');
  parts.policy(place.limit, 'rate-limit', {
    by,
    requests: `${perMinute}/min burst ${Math.floor(burst) + 1}`,
  });
  fields.close('rate-limit');
};

const limitConn: Plugin = (fields, { parts }) => {
  const most = (fields.amount('conn') ?? 0) + (fields.amount('burst') ?? 0);
  const by = limit(fields, 'a limit');
  if (by === null) return;
  if (fields.has('default_conn_delay'))
    fields.differs('default_conn_delay', 'nobody is delayed: the burst is allowed at once');
  if (fields.has('only_use_default_delay')) fields.differs('only_use_default_delay', 'nobody is delayed');
  if (most < 1) return fields.restNotCarried('no number of calls');
  parts.policy(place.limit, 'concurrency-limit', { by, max: Math.min(1_000_000, Math.floor(most)) });
  fields.close('concurrency-limit');
};

const proxyRewrite: Plugin = (fields, at) => {
  const { parts } = at;
  const rewrite: Piece = { ...(parts.to['rewrite'] as Piece | undefined) };
  const uri = fields.text('uri');
  const regex = fields.texts('regex_uri');
  const path = uri === undefined ? regex && pathByRegex(regex, at.uris) : plainPath(uri);
  if (path) rewrite['path'] = path;
  else if (uri !== undefined || regex !== undefined) {
    parts.unsafe ??= 'the path that goes to the upstream cannot be written';
    fields.notCarried(
      uri === undefined ? 'regex_uri' : 'uri',
      'only a path, or a prefix that is taken away or put before, can be written; see to.rewrite. The route answers 501 until it is put right',
    );
  }
  const host = fields.text('host');
  if (host !== undefined && /^[A-Za-z0-9._:-]+$/.test(host)) {
    rewrite['host'] = host;
    delete parts.to['preserveHost'];
  } else if (host !== undefined) fields.notCarried('host', 'expected a host');
  if (fields.has('method')) fields.notCarried('method', 'the method goes on as it came');
  if (fields.has('use_real_request_uri_unsafe'))
    fields.notCarried('use_real_request_uri_unsafe', 'paths are canonical');
  if (Object.keys(rewrite).length > 0) parts.to['rewrite'] = rewrite;
  readHeaders(fields, parts, 'request');
  fields.close('to.rewrite');
};

/** `headers`: a mapping to set, or `set`, `add` and `remove`. */
function readHeaders(fields: Fields, parts: PluginPlace['parts'], side: 'request' | 'response'): void {
  const headers = fields.within('headers');
  if (!headers) return;
  const isParted = ['set', 'add', 'remove'].some((key) => headers.has(key));
  if (!isParted) {
    const plain: Record<string, unknown> = {};
    const gone: string[] = [];
    for (const key of headers.keys) {
      const value = headers.take(key);
      if (value === '' || value === undefined) gone.push(key);
      else plain[key] = value;
    }
    const { headers: set, odd } = headerMap(plain);
    for (const name of odd)
      headers.notCarried(name, 'a value with variables cannot be written; see transformation');
    parts.headers(side, { set, ...(gone.length > 0 ? { remove: gone } : {}) });
    return headers.close('set-headers');
  }
  for (const kind of ['set', 'add'] as const) {
    const value = headers.take(kind);
    if (value === undefined) continue;
    const { headers: edits, odd } = headerMap(value);
    if (odd.length > 0)
      headers.differs(kind, `without ${odd.join(', ')}: values with variables cannot be written`);
    parts.headers(side, { [kind]: edits });
  }
  const remove = headers.texts('remove')?.filter((name) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name));
  if (remove) parts.headers(side, { remove });
  headers.close('set-headers');
}

/** A path without variables. */
const plainPath = (path: string): string | null =>
  /^\/[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$/.test(path) && !/\$[a-z]/.test(path) ? path : null;

/** `["^/old/(.*)", "/new/$1"]` on a route for `/old/*`. */
function pathByRegex(regex: readonly string[], uris: readonly string[]): string | null {
  if (regex.length !== 2 || uris.length !== 1) return null;
  const [, prefix] =
    /^\^?(\/(?:[A-Za-z0-9_~-]+\/)*(?:[A-Za-z0-9_~-]+)?)\/?\(\.\*\)\$?$/.exec(regex[0]!) ?? [];
  const [, before] = /^(\/[A-Za-z0-9_~./-]*)\$1$/.exec(regex[1]!) ?? [];
  if (prefix === undefined || before === undefined) return null;
  const base = prefix.replace(/\/$/, '');
  return uris[0] === `${base}/*` ? `${before.endsWith('/') ? before : `${before}/`}{**}` : null;
}

const responseRewrite: Plugin = (fields, { parts }) => {
  readHeaders(fields, parts, 'response');
  for (const key of ['status_code', 'body', 'body_base64', 'filters', 'vars'])
    if (fields.has(key))
      fields.notCarried(key, 'the status and body of an answer are not changed; see transformation');
  fields.close('set-headers');
};

const redirect: Plugin = (fields, { parts, hasHost }) => {
  const uri = fields.text('uri');
  const status = fields.amount('ret_code') ?? 302;
  const keepQuery = fields.flag('append_query_string') ?? false;
  if (fields.has('encode_uri')) fields.differs('encode_uri', 'what a Location may not hold is escaped');
  if (fields.has('regex_uri')) fields.notCarried('regex_uri', 'write a template: to.redirect');
  if (fields.flag('http_to_https') !== undefined)
    fields.notCarried(
      'http_to_https',
      'a listener of its own leads there: see docs/listeners.md, and to.redirect',
    );
  if (uri !== undefined) {
    const to = uri
      .replaceAll(/\$(\{?)uri(\}?)/g, '{request.path}')
      .replaceAll(/\$(\{?)host(\}?)/g, '{request.host}');
    const isHeld = !to.includes('{request.host}') || hasHost;
    const isPlace =
      /^(https?:\/\/(\{request\.host\}|[A-Za-z0-9._:-]+)(?=$|[/?#]|\{request\.path\})|\/(?![/\\])|\{request\.path\})[\x21-\x5b\x5d-\x7e]*$/;
    if (to.includes('$') || !isHeld || !isPlace.test(to)) {
      parts.unsafe ??= 'where the redirect leads cannot be written';
      fields.notCarried(
        'uri',
        'only $uri, and $host of a route with a host, can be written; see to.redirect',
      );
    } else {
      const isKnown = [301, 302, 303, 307, 308].includes(status);
      if (!isKnown) fields.differs('ret_code', '302 is answered');
      parts.answer = { redirect: { status: isKnown ? status : 302, to, keepQuery } };
    }
  }
  fields.close('to.redirect');
};

const faultInjection: Plugin = (fields, { parts }) => {
  const share = (each: Fields): number => Math.min(100, each.amount('percentage') ?? 100);
  const delay = fields.within('delay');
  const abort = fields.within('abort');
  for (const each of [delay, abort])
    if (each?.has('vars')) {
      each.restNotCarried('faults for some calls only: write fault-injection with "when"');
      return fields.close('fault-injection');
    }
  const settings: Piece = {};
  if (delay) {
    const ms = Math.ceil((delay.amount('duration') ?? 0) * 1000);
    if (ms > 0) settings['delay'] = { percent: share(delay), ms: Math.min(600_000, ms) };
    delay.close('fault-injection');
  }
  if (abort) {
    const status = abort.amount('http_status') ?? 500;
    const body = abort.text('body');
    const headers = headerMap(abort.take('headers') ?? {}).headers;
    const isWhole = share(abort) === 100;
    if (isWhole && (body !== undefined || status < 400)) {
      parts.answer = {
        static: {
          status: Math.min(599, Math.max(200, status)),
          headers,
          ...(body === undefined ? {} : { body }),
        },
      };
      abort.close('to.static');
    } else {
      if (body !== undefined) abort.differs('body', 'the answer is a problem document');
      if (status >= 400 && status < 600) settings['abort'] = { percent: share(abort), status };
      else abort.notCarried('http_status', 'a share of calls can fail, and not succeed');
      abort.close('fault-injection');
    }
  }
  if (Object.keys(settings).length > 0) parts.policy(place.fault, 'fault-injection', settings);
  fields.close('fault-injection');
};

const proxyMirror: Plugin = (fields, { parts, name }) => {
  const host = fields.text('host');
  const ratio = fields.amount('sample_ratio') ?? 1;
  for (const key of ['path', 'path_concat_mode'])
    if (fields.has(key)) fields.notCarried(key, 'copies go to the path of the request');
  if (host === undefined || !/^https?:\/\/[A-Za-z0-9._-]+(:\d{1,5})?$/.test(host))
    return fields.restNotCarried('expected an http URL of a server');
  const upstream = parts.draft.add('upstreams', `${name}-mirror`, { targets: [host] });
  parts.to['mirror'] = { upstream, percent: Math.min(100, ratio * 100) };
  fields.close('to.mirror');
};

const breaker: Plugin = (fields, { parts }) => {
  const unhealthy = fields.within('unhealthy');
  const failures = unhealthy?.amount('failures') ?? 3;
  if (unhealthy?.has('http_statuses'))
    unhealthy.differs('http_statuses', 'what fails, and any 5xx, opens it');
  unhealthy?.close('breaker.failures');
  const healthy = fields.within('healthy');
  const successes = healthy?.amount('successes') ?? 3;
  if (healthy?.has('http_statuses')) healthy.differs('http_statuses', 'what does not fail closes it');
  healthy?.close('breaker.probes');
  const longest = fields.amount('max_breaker_sec') ?? 300;
  for (const key of ['break_response_code', 'break_response_body', 'break_response_headers'])
    if (fields.has(key)) fields.differs(key, 'calls get 503 (upstream/unavailable)');
  parts.pool['breaker'] = {
    failures: Math.max(1, Math.floor(failures)),
    failureRatio: 0,
    open: '2s',
    maxOpen: span(Math.max(2, longest)),
    probes: Math.min(100, Math.max(1, Math.floor(successes))),
  };
  fields.close('upstreams: breaker, of each server');
};

const compress =
  (encoding: string): Plugin =>
  (fields, { parts }) => {
    const types = fields.texts('types');
    const least = fields.amount('min_length') ?? 20;
    for (const key of ['comp_level', 'http_version', 'vary', 'buffers', 'lg_win', 'lgblock', 'mode'])
      if (fields.has(key)) fields.differs(key, 'compression is tuned by "level"');
    const settings = parts.shared(place.answer, 'compression');
    settings['encodings'] = [...((settings['encodings'] as string[]) ?? []), encoding];
    settings['minBytes'] = Math.max(1, Math.floor(least));
    const known = types?.filter((type) => /^[a-z0-9]+\/[a-z0-9][a-z0-9.+-]*$/.test(type));
    if (known && known.length > 0) settings['types'] = known;
    fields.close('compression');
  };

const trafficSplit: Plugin = (fields, at) => {
  const [rule, ...more] = fields.each('rules');
  for (const other of more)
    other.restNotCarried('one rule is carried over; write a route for each of the others');
  if (!rule) return fields.close('to.split');
  const match = rule.each('match');
  const conditions = match.length > 1 ? null : match[0] ? readVars(match[0].take('vars')) : undefined;
  const pieces = conditions ? conditionPieces(conditions) : {};
  if (
    conditions === null ||
    (conditions && (conditions.clients.length > 0 || Object.keys(pieces).length === 0))
  ) {
    for (const each of match) each.restNotCarried('these conditions cannot be said of a part');
    return rule.restNotCarried('its share goes where the rest does');
  }
  for (const each of match) each.close('to.split: when');
  const parts = rule.each('weighted_upstreams').flatMap((each, i) => {
    const weight = Math.min(1_000_000, Math.floor(each.amount('weight') ?? 1));
    const part = splitPart(each, at, i);
    each.close('to.split');
    return part === null ? [] : [{ ...part, weight }];
  });
  rule.close('to.split');
  fields.close('to.split');
  if (parts.length === 0) return;
  const own = { to: null, weight: 1 };
  // Calls that fit are shared among the parts; only one of them can be named by a condition.
  if (!conditions) at.parts.to['split'] = parts;
  else if (parts.length === 1) at.parts.to['split'] = [{ ...parts[0], weight: 0, when: pieces }, own];
  else {
    at.parts.unsafe ??= 'shares of calls with conditions are not carried over';
    fields.notCarried('rules', 'write a route with these conditions, and a split of its own');
  }
};

/** Null of one that cannot be said; `to` of null is the route's own. */
function splitPart(each: Fields, at: PluginPlace, i: number): Piece | null {
  const id = each.word('upstream_id');
  const inline = each.within('upstream');
  if (id === undefined && !inline) return { to: null };
  const found = inline ? at.inlineUpstream(inline) : at.upstreamOf(id!);
  if (!found) {
    if (id !== undefined) each.notCarried('upstream_id', 'there is no such upstream');
    return null;
  }
  const upstream = at.parts.draft.add('upstreams', id ?? `${at.name}-${i + 1}`, found.pool);
  return { to: { upstream, ...found.to } };
}

const clientControl: Plugin = (fields, { parts }) => {
  const most = fields.amount('max_body_size');
  if (most) parts.bodyLimit = Math.floor(most);
  fields.close('bodyLimit');
};

const logged = without(
  'each exchange is a line on stdout and a receipt on the ledger; see docs/telemetry.md, docs/audit.md and docs/events.md for where else they go',
);
const traced = without('say telemetry once, for all routes: spans go out by OTLP (docs/telemetry.md)');

export const trafficPlugins: Readonly<Record<string, Plugin>> = {
  'limit-count': limitCount,
  'limit-req': limitReq,
  'limit-conn': limitConn,
  'proxy-rewrite': proxyRewrite,
  'response-rewrite': responseRewrite,
  redirect,
  'fault-injection': faultInjection,
  'proxy-mirror': proxyMirror,
  'api-breaker': breaker,
  gzip: compress('gzip'),
  brotli: compress('br'),
  'traffic-split': trafficSplit,
  'client-control': clientControl,
  prometheus(fields) {
    if (fields.flag('prefer_name') !== undefined)
      fields.differs('prefer_name', 'series have the names of routes');
    fields.close('metrics are there for all routes: GET /metrics on the admin port');
  },
  'request-id'(fields) {
    for (const key of fields.keys)
      fields.differs(key, 'each exchange has an id of its own: x-sluice-exchange');
    if (fields.keys.length === 0)
      fields.report.differs(fields.path, 'each exchange has an id of its own: x-sluice-exchange');
  },
  'real-ip': without('say listen.trustedProxies'),
  'proxy-cache': without('answers of http routes are not kept'),
  opentelemetry: traced,
  zipkin: traced,
  skywalking: traced,
  'server-info': without('GET /v1/status of the admin API says it'),
  'node-status': without('GET /v1/status of the admin API says it'),
};

/** Any of `http-logger`, `kafka-logger`, `file-logger` … */
export const loggerPlugin = logged;
