import { rateOf, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { without } from '../plugin-reader.ts';
import { headerMap, type RouteParts } from '../route-parts.ts';
import type { Plugin } from './plugin.ts';

const spans = { second: 1, minute: 60, hour: 3600, day: 86_400, month: 31 * 86_400, year: null } as const;

/** What limits count by there; null where that is not known. */
function subjectOf(config: Fields, key: string): string | null {
  const by = config.text(key) ?? 'consumer';
  const header = config.text('header_name');
  const known: Record<string, string> = {
    ...{ consumer: 'consumer', credential: 'key', ip: 'address', service: 'route', path: 'route' },
  };
  if (by === 'header' && header !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(header))
    return `header:${header}`;
  if (by === 'path' || by === 'service') config.differs(key, 'each route counts by itself');
  return Object.hasOwn(known, by) ? known[by]! : null;
}

/** Where nobody authenticates there are no consumers: there their address counts, as it does here. */
const byOf = (subject: string, parts: RouteParts): string =>
  (subject === 'consumer' || subject === 'key') && !parts.isAuthenticated ? 'address' : subject;

function sayOthers(config: Fields): void {
  for (const key of [
    'policy',
    'redis',
    'redis_host',
    'redis_port',
    'redis_timeout',
    'redis_database',
    'strategy',
    'sync_rate',
    'namespace',
    'dictionary_name',
  ])
    if (config.has(key)) config.differs(key, 'nodes that share limits do so by storage.redis');
  if (config.has('redis_password'))
    config.notCarried('redis_password', 'nodes that share limits do so by storage.redis');
  for (const key of ['error_code', 'error_message'])
    if (config.has(key)) config.differs(key, 'refused calls get 429 and a problem document');
  for (const key of [
    'fault_tolerant',
    'hide_client_headers',
    'window_type',
    'disable_penalty',
    'retry_after_jitter_max',
  ])
    if (config.has(key)) config.differs(key, 'windows slide, and answers say ratelimit and Retry-After');
}

const rateLimiting: Plugin = (config, { parts }) => {
  const subject = subjectOf(config, 'limit_by');
  const rates: string[] = [];
  for (const [key, seconds] of Object.entries(spans)) {
    const count = config.amount(key);
    if (count === undefined) continue;
    const rate =
      seconds === null ? null : key === 'month' ? `${Math.floor(count)} per month` : rateOf(count, seconds);
    if (rate === null || count < 1)
      config.notCarried(key, 'limits are of up to 31 days, and of one call at least');
    else rates.push(rate);
  }
  sayOthers(config);
  if (subject === null || rates.length === 0)
    return config.restNotCarried('a limit by this is not known; see rate-limit');
  parts.limit('rate-limit', (own) => ({ by: byOf(subject, own), requests: rates }));
  config.close('rate-limit');
};

const rateLimitingAdvanced: Plugin = (config, { parts }) => {
  const subject = subjectOf(config, 'identifier');
  const counts = config.numbers('limit') ?? [];
  const windows = config.numbers('window_size') ?? [];
  const rates = counts.map((count, i) => rateOf(count, windows[i] ?? 0));
  sayOthers(config);
  if (subject === null || rates.length === 0 || rates.some((rate) => rate === null))
    return config.restNotCarried('no numbers of calls in numbers of seconds, up to 31 days');
  parts.limit('rate-limit', (own) => ({ by: byOf(subject, own), requests: [...new Set(rates)].slice(0, 8) }));
  config.close('rate-limit');
};

const sizeLimiting: Plugin = (config, { parts }) => {
  const units: Record<string, number> = { megabytes: 1024 * 1024, kilobytes: 1024, bytes: 1 };
  const most = config.amount('allowed_payload_size') ?? 128;
  const unit = config.text('size_unit') ?? 'megabytes';
  if (config.has('require_content_length'))
    config.differs('require_content_length', 'bodies are counted as they flow');
  parts.bodyLimit = Math.floor(most * (Object.hasOwn(units, unit) ? units[unit]! : units['megabytes']!));
  config.close('bodyLimit');
};

const termination: Plugin = (config, { parts }) => {
  const status = config.amount('status_code') ?? 503;
  const message = config.text('message');
  const body = config.text('body') ?? (message === undefined ? undefined : JSON.stringify({ message }));
  const type = config.text('content_type') ?? 'application/json; charset=utf-8';
  for (const key of ['trigger', 'echo'])
    if (config.has(key)) config.notCarried(key, 'every call is answered so');
  parts.answer = {
    static: {
      status: Math.min(599, Math.max(200, Math.floor(status))),
      headers: { 'content-type': headerMap({ a: type }).headers['a'] ?? 'application/json' },
      body: body ?? '{"message":"Service unavailable"}',
    },
  };
  config.close('to.static');
};

const redirect: Plugin = (config, { parts }) => {
  const to = config.text('location');
  const status = config.amount('status_code') ?? 301;
  const keepsPath = config.flag('keep_incoming_path') ?? false;
  if (to === undefined || !/^https?:\/\/[A-Za-z0-9._:-]+(\/[\x21-\x5b\x5d-\x7e]*)?$/.test(to))
    return config.restNotCarried('where it leads must be a URL: to.redirect');
  const place = keepsPath ? `${new URL(to).origin}{request.path}` : to;
  const isKnown = [301, 302, 303, 307, 308].includes(status);
  if (!isKnown) config.differs('status_code', '301 is answered');
  parts.answer = { redirect: { status: isKnown ? status : 301, to: place, keepQuery: keepsPath } };
  config.close('to.redirect');
};

/** `name:value` of a list; the names alone of what is taken away. */
function edits(config: Fields, kind: string): Fields | null {
  const edit = config.within(kind);
  for (const key of ['body', 'json', 'json_types', 'if_status', 'dots_in_keys', 'allow'])
    if (edit?.has(key)) edit.notCarried(key, 'bodies are changed by the policy transform');
  return edit;
}

function transformHeaders(config: Fields, parts: RouteParts, side: 'request' | 'response'): void {
  for (const [kind, to] of [
    ['remove', 'remove'],
    ['add', 'set'],
    ['replace', 'set'],
    ['append', 'add'],
  ] as const) {
    const edit = edits(config, kind);
    if (!edit) continue;
    const lines = edit.texts('headers');
    if (lines && to === 'remove')
      parts.headers(side, { remove: lines.filter((name) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) });
    else if (lines) {
      const { headers, odd } = headerMap(lines);
      if (kind !== 'append')
        edit.differs(
          'headers',
          `set whether it is there or not${odd.length > 0 ? `, without ${odd.join(', ')}` : ''}`,
        );
      else if (odd.length > 0)
        edit.differs('headers', `without ${odd.join(', ')}: templates cannot be written`);
      parts.headers(side, { [to]: headers });
    }
    if (side === 'request') transformQuery(edit, kind, parts);
    edit.close('set-headers');
  }
  if (config.has('rename')) config.notCarried('rename', 'names are changed by the policy transform');
}

function transformQuery(edit: Fields, kind: string, parts: RouteParts): void {
  const lines = edit.texts('querystring');
  const uri = edit.text('uri');
  const rewrite = (parts.to['rewrite'] ?? {}) as {
    query?: { set?: Piece; remove?: string[] };
    path?: string;
  };
  if (lines) {
    const query = (rewrite.query ??= {});
    if (kind === 'remove') query.remove = [...(query.remove ?? []), ...lines];
    else {
      const { headers, odd } = headerMap(lines);
      edit.differs(
        'querystring',
        `set, in place of any of the name${odd.length > 0 ? `; without ${odd.join(', ')}` : ''}`,
      );
      query.set = { ...query.set, ...headers };
    }
  }
  if (uri !== undefined) {
    if (/^\/[A-Za-z0-9\-._~/]*$/.test(uri)) rewrite.path = uri;
    else {
      parts.unsafe ??= 'the path that goes to the upstream cannot be written';
      edit.notCarried(
        'uri',
        'templates of paths are to.rewrite.path; the route answers 501 until it is put right',
      );
    }
  }
  if (Object.keys(rewrite).length > 0) parts.to['rewrite'] = rewrite;
}

const requestTransformer: Plugin = (config, { parts }) => {
  transformHeaders(config, parts, 'request');
  if (config.has('http_method')) config.notCarried('http_method', 'the method goes on as it came');
  config.close('set-headers');
};

const responseTransformer: Plugin = (config, { parts }) => {
  transformHeaders(config, parts, 'response');
  config.close('set-headers');
};

const logged = without(
  'each exchange is a line on stdout and a receipt on the ledger; see docs/telemetry.md, docs/audit.md and docs/events.md for where else they go',
);

export const trafficPlugins: Readonly<Record<string, Plugin>> = {
  'rate-limiting': rateLimiting,
  'rate-limiting-advanced': rateLimitingAdvanced,
  'request-size-limiting': sizeLimiting,
  'request-termination': termination,
  redirect,
  'request-transformer': requestTransformer,
  'request-transformer-advanced': requestTransformer,
  'response-transformer': responseTransformer,
  'response-transformer-advanced': responseTransformer,
  'correlation-id'(config) {
    const note = 'each exchange has an id of its own: x-sluice-exchange';
    for (const key of config.keys) config.differs(key, note);
    if (config.keys.length === 0) config.report.differs(config.path, note);
  },
  prometheus(config) {
    for (const key of config.keys) config.differs(key, 'all series are there');
    config.close('metrics are there for all routes: GET /metrics on the admin port');
  },
  'response-ratelimiting': without('say what an answer used by to.meter, and limit money'),
  'proxy-cache': without('answers of http routes are not kept'),
  'proxy-cache-advanced': without('answers of http routes are not kept'),
  opentelemetry: without('say telemetry once, for all routes: spans go out by OTLP (docs/telemetry.md)'),
  zipkin: without('say telemetry once, for all routes: spans go out by OTLP (docs/telemetry.md)'),
  canary: without('write to.split'),
  'upstream-timeout': without('write to.timeouts'),
  acme: without('certificates are given to a listener: listen.tls.certificates'),
  'grpc-web': without('gRPC passes as it is'),
  'grpc-gateway': without('gRPC passes as it is, and is not made from JSON'),
  'aws-lambda': without('functions are reached by their URLs'),
};

export const isLogger = (name: string): boolean =>
  /-log$|^loggly$|^statsd|^datadog$|^syslog$|^app-dynamics$/.test(name);
export const loggerPlugin: Plugin = logged;
