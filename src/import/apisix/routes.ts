import type { Draft, Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { refusing, RouteParts } from '../route-parts.ts';
import { ReportBuilder } from '../report.ts';
import { accessPlugins } from './access-plugins.ts';
import { aiPlugins } from './ai-plugins.ts';
import type { Plugin, PluginPlace } from './plugin.ts';
import { loggerPlugin, trafficPlugins } from './traffic-plugins.ts';
import { readTimeouts, readUpstream, type ReadUpstream } from './upstreams.ts';
import { conditionPieces, readVars, type HeadConditions } from './vars.ts';

/** What routes refer to. */
export interface World {
  readonly draft: Draft;
  readonly byId: Readonly<Record<'services' | 'upstreams' | 'plugin_configs', ReadonlyMap<string, Fields>>>;
  /** Of every route. */
  readonly everywhere: RouteParts;
  /** What consumers and their groups bring with them; null: nothing. */
  readonly ofCallers: (parts: RouteParts) => void;
  readonly providers: Map<string, string>;
  /** Issuers of tokens, as consumers have them. */
  readonly issuers: readonly Piece[];
  /** Places whose pieces were said already. */
  readonly said: Set<string>;
}

/** A route, and what decides about its place among the others. */
export interface ReadRoute {
  readonly piece: Piece & { readonly name: string };
  readonly rank: readonly number[];
}

const plugins: Readonly<Record<string, Plugin>> = { ...accessPlugins, ...trafficPlugins, ...aiPlugins };

export function readRoute(fields: Fields, world: World): ReadRoute[] {
  const { draft } = world;
  const name = draft.name('routes', fields.word('name') ?? fields.word('id') ?? 'route');
  fields.word('id');
  for (const key of ['desc', 'labels', 'create_time', 'update_time'])
    if (fields.has(key)) fields.notCarried(key, 'it changes nothing');
  if (fields.amount('status') === 0) {
    fields.restNotCarried('it is off (status: 0)');
    return [];
  }
  const service = referred(fields, 'service_id', world.byId.services, world);
  const config = referred(fields, 'plugin_config_id', world.byId.plugin_configs, world);
  const match = readMatch(fields, service);
  const parts = new RouteParts(draft);
  parts.adopt(world.everywhere);
  const found = upstreamFor(fields, service, world);
  Object.assign(parts.to, found?.to);
  const timeouts = readTimeouts(fields);
  if (timeouts) parts.to['timeouts'] = timeouts;
  if (fields.flag('enable_websocket') === true) fields.carried('enable_websocket', 'WebSockets are relayed');
  for (const key of ['filter_func', 'script', 'script_id'])
    if (fields.has(key)) {
      parts.unsafe ??= `${key} is not carried over`;
      fields.notCarried(
        key,
        'write the condition or the policy anew; the route answers 501 until it is put right',
      );
    }
  readPlugins({ fields, service, config, parts, name, match, world });
  fields.close('routes');
  service?.close('routes');
  config?.close('routes');
  if (match === null) return [];
  if (parts.has('key-auth') || parts.has('basic-auth') || parts.has('jwt')) world.ofCallers(parts);
  const to = destination(parts, { found, name, draft });
  if (to === null) {
    fields.report.notCarried(fields.path, 'it leads to no servers');
    return [];
  }
  return pieces({ name, match, parts, to });
}

/** Null where it names none. What several refer to is told once. */
function referred(
  fields: Fields,
  key: string,
  known: ReadonlyMap<string, Fields>,
  world: World,
): Fields | null {
  const id = fields.word(key);
  if (id === undefined) return null;
  const found = known.get(id);
  if (!found) {
    fields.notCarried(key, 'there is none of this id');
    return null;
  }
  return once(found, world);
}

function once(fields: Fields, world: World): Fields {
  const at = fields.path.join('\n');
  const isFirst = !world.said.has(at);
  world.said.add(at);
  return isFirst ? fields : fields.told(new ReportBuilder());
}

interface Match {
  readonly uris: readonly string[];
  readonly hosts: readonly string[];
  readonly methods: readonly string[] | undefined;
  readonly conditions: HeadConditions | null;
  readonly clients: readonly string[];
  readonly priority: number;
}

/** Null: it cannot be said which requests it takes. */
function readMatch(fields: Fields, service: Fields | null): Match | null {
  const uri = fields.text('uri');
  const uris = [...(uri === undefined ? [] : [uri]), ...(fields.texts('uris') ?? [])].filter((each) =>
    /^\/[^\s?#\\]*$/.test(each),
  );
  const hosts = [...(fields.texts('host') ?? []), ...(fields.texts('hosts') ?? [])];
  const inherited = hosts.length > 0 ? [] : (service?.texts('hosts') ?? []);
  const priority = fields.take('priority');
  const clients = [...(fields.texts('remote_addr') ?? []), ...(fields.texts('remote_addrs') ?? [])];
  const methods = fields.texts('methods')?.filter((method) => /^[A-Z]+$/.test(method));
  const vars = fields.take('vars');
  const conditions = vars === undefined ? null : readVars(vars);
  if (uris.length === 0) {
    fields.report.notCarried([...fields.path, 'uri'], 'a path is needed');
    return null;
  }
  if (vars !== undefined && conditions === null) {
    fields.notCarried(
      'vars',
      'not all of these conditions can be said (match.headers, query, cookies, clients), so the route is left out',
    );
    return null;
  }
  if (uris.some((each) => uriOf(each) === null)) {
    fields.notCarried(
      uri === undefined ? 'uris' : 'uri',
      'not all of these paths can be said, so the route is left out',
    );
    return null;
  }
  for (const each of uris) {
    if (!each.endsWith('/*') || each === '/*') continue;
    fields.differs(uri === undefined ? 'uris' : 'uri', `the path ${each.slice(0, -2)} itself is taken, too`);
    break;
  }
  return {
    uris,
    hosts: [...hosts, ...inherited].filter((host) => /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(host)),
    methods: methods && methods.length > 0 ? methods : undefined,
    conditions,
    clients: [...clients, ...(conditions?.clients ?? [])],
    priority: typeof priority === 'number' ? priority : 0,
  };
}

/** As `match.path`; null where that cannot be said. */
function uriOf(uri: string): string | Piece | null {
  const segments = uri.replaceAll(/:([A-Za-z_][A-Za-z0-9_]*)(?=\/|$)/g, '{$1}');
  if (segments === '/*') return '/**';
  if (/\*./.test(segments) || /\/\/|\/\.{1,2}(\/|$)|%(2f|5c|2e|00)/i.test(segments)) return null;
  if (segments.endsWith('/*')) return `${segments.slice(0, -2)}/**`;
  if (!segments.endsWith('*'))
    return /[{}]/.test(segments.replaceAll(/\{[A-Za-z_][A-Za-z0-9_]*\}/g, '')) ? null : segments;
  const before = segments.slice(0, -1);
  return /[{}]/.test(before) ? null : { pattern: `${before.replace(/[.+()|[\]$^]/g, '\\$&')}.*` };
}

function upstreamFor(
  fields: Fields,
  service: Fields | null,
  world: World,
): (ReadUpstream & { id?: string }) | null {
  for (const from of [fields, service]) {
    const inline = from?.within('upstream');
    if (inline) return readUpstream(inline);
    const id = from?.word('upstream_id');
    if (id === undefined) continue;
    const found = world.byId.upstreams.get(id);
    if (!found) {
      from!.notCarried('upstream_id', 'there is none of this id');
      return null;
    }
    const read = readUpstream(once(found, world));
    return read && { ...read, id };
  }
  return null;
}

interface PluginsOf {
  readonly fields: Fields;
  readonly service: Fields | null;
  readonly config: Fields | null;
  readonly parts: RouteParts;
  readonly name: string;
  readonly match: Match | null;
  readonly world: World;
}

/** What a route says goes before what its configuration of plugins does, and that before its service. */
function readPlugins({ fields, service, config, parts, name, match, world }: PluginsOf): void {
  const at: PluginPlace = {
    parts,
    name,
    uris: match?.uris ?? [],
    hasHost: (match?.hosts.length ?? 0) > 0,
    providers: world.providers,
    issuers: world.issuers,
    upstreamOf: (id) => {
      const found = world.byId.upstreams.get(id);
      return found ? readUpstream(once(found, world)) : null;
    },
    inlineUpstream: readUpstream,
  };
  const taken = new Set<string>();
  for (const from of [fields, config, service]) {
    const list = from?.within('plugins');
    if (list) readPluginList(list, at, taken);
  }
}

export function readPluginList(list: Fields, at: PluginPlace, taken: Set<string>): void {
  for (const key of list.keys) {
    const plugin = list.within(key);
    if (!plugin) continue;
    if (taken.has(key)) {
      plugin.restNotCarried('what the route says itself goes before it');
      continue;
    }
    taken.add(key);
    readPlugin(key, plugin, at);
  }
  list.close('policies');
}

function readPlugin(key: string, plugin: Fields, at: PluginPlace): void {
  const meta = plugin.within('_meta');
  if (meta?.flag('disable') === true) {
    meta.close('it is off');
    return plugin.restNotCarried('it is off (_meta.disable)');
  }
  if (meta) {
    if (meta.has('filter')) at.parts.unsafe ??= `the condition of ${key} is not carried over`;
    meta.restNotCarried(
      'plugins for some calls only are policies with "when"; their order is that of the list',
    );
  }
  const read = Object.hasOwn(plugins, key)
    ? plugins[key]!
    : /-logger$|^loggly$|^google-cloud-logging$|^splunk-hec-logging$|^tencent-cloud-cls$|^datadog$|^error-log-logger$/.test(
          key,
        )
      ? loggerPlugin
      : null;
  if (read) return read(plugin, at);
  plugin.restNotCarried(
    'nothing is known of this plugin; see docs/writing-policies.md for policies of your own',
  );
}

interface Leading {
  readonly found: (ReadUpstream & { id?: string }) | null;
  readonly name: string;
  readonly draft: Draft;
}

function destination(parts: RouteParts, { found, name, draft }: Leading): Piece | null {
  if (parts.unsafe !== null) return refusing(parts.unsafe);
  if (parts.answer) return parts.answer;
  const { split, ...to } = parts.to;
  const own = (): Piece | null => {
    if (!found) return null;
    const pool = { ...found.pool, ...parts.pool };
    const wanted = found.id ?? name;
    const before = draft.get('upstreams', wanted);
    const upstream =
      before && JSON.stringify(before) === JSON.stringify(pool)
        ? wanted
        : draft.add('upstreams', wanted, pool);
    return { upstream, ...to };
  };
  if (!split) return own();
  const each = (split as { to: Piece | null }[]).map((part) => ({
    ...part,
    to: part.to ? { ...to, ...part.to } : own(),
  }));
  return each.every((part) => part.to !== null) ? { split: each } : null;
}

interface Written {
  readonly name: string;
  readonly match: Match;
  readonly parts: RouteParts;
  readonly to: Piece;
}

/** A route for each host and path. Exact ones first, then longer ones, as they are found there. */
function pieces({ name, match, parts, to }: Written): ReadRoute[] {
  const hosts = match.hosts.length > 0 ? match.hosts : [null];
  const isLlm = 'llm' in to;
  const refuses = parts.unsafe !== null;
  return hosts.flatMap((host) =>
    match.uris.map((uri) => {
      const path = isLlm ? llmPath(uri) : { path: uriOf(uri)! };
      const { path: own, ...strip } = path;
      const piece = {
        name,
        match: {
          ...(host === null ? {} : { host }),
          path: own,
          ...(match.methods && !isLlm ? { methods: match.methods } : {}),
          ...(match.conditions ? conditionPieces(match.conditions) : {}),
          ...(match.clients.length > 0 ? { clients: match.clients } : {}),
        },
        ...strip,
        ...(parts.bodyLimit === null ? {} : { bodyLimit: parts.bodyLimit }),
        to,
        policies: refuses ? [] : parts.policies(),
      };
      const isExact = !uri.endsWith('*');
      const conditions = Object.keys(match.conditions ? conditionPieces(match.conditions) : {}).length;
      const rank = [
        host === null ? 2 : host.startsWith('*') ? 1 : 0,
        -(host?.length ?? 0),
        isExact ? 0 : 1,
        -uri.replace(/[:*].*$/, '').length,
        -match.priority,
        -conditions - match.clients.length,
        match.methods ? 0 : 1,
      ];
      return { piece, rank };
    }),
  );
}

/** SDKs ask at `/v1/chat/completions` and the like, below what the route's path says before that. */
function llmPath(uri: string): { readonly path: string; readonly stripPrefix?: string } {
  const base = uri
    .replace(/\/\*$|\*$/, '')
    .replace(/(\/v1)?\/(chat\/completions|completions|embeddings|messages|responses)$/, '')
    .replace(/\/+$/, '')
    .replace(/\/v1$/, '');
  return base === '' ? { path: '/v1/**' } : { path: `${base}/**`, stripPrefix: base };
}
