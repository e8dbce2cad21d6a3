import { legalName, literal, type Draft, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import { isPattern } from '../plugin-reader.ts';
import { ReportBuilder } from '../report.ts';
import { ofConsumer, ofGroup, refusing, RouteParts } from '../route-parts.ts';
import { accessPlugins } from './access-plugins.ts';
import { aiPlugins } from './ai-plugins.ts';
import { calledBy, isCalled, type Entities, type PluginEntity, type RouteEntity } from './entities.ts';
import type { Plugin } from './plugin.ts';
import { isLogger, loggerPlugin, trafficPlugins } from './traffic-plugins.ts';
import { readService, type Leading } from './upstreams.ts';

export interface World {
  readonly draft: Draft;
  readonly entities: Entities;
  readonly issuers: readonly Piece[];
  readonly providers: Map<string, string>;
  /** Services by their places, once they are read. */
  readonly services: Map<Fields, Leading | null>;
  /** Plugins that were told of. */
  readonly told: Set<Fields>;
  /** In the formats before 3.0 a path is a pattern by its look. */
  readonly isOld: boolean;
}

export interface ReadRoute {
  readonly piece: Piece & { readonly name: string };
  readonly rank: readonly number[];
}

const plugins: Readonly<Record<string, Plugin>> = { ...accessPlugins, ...trafficPlugins, ...aiPlugins };

export function readRoute({ fields, service: serviceName }: RouteEntity, world: World): ReadRoute[] {
  const { draft, entities } = world;
  const service =
    serviceName === null ? undefined : entities.services.find((each) => isCalled(each, serviceName));
  const name = draft.name('routes', fields.word('name') ?? (service ? calledBy(service) : 'route'));
  for (const key of ['id', 'tags', 'service', 'created_at', 'updated_at']) fields.take(key);
  const match = readMatch(fields, world);
  const parts = new RouteParts(draft);
  const leading = service ? leadingTo(service, world) : null;
  if (leading) Object.assign(parts.to, { upstream: leading.upstream, ...leading.to });
  if (fields.flag('preserve_host') === true) parts.to['preserveHost'] = true;
  const strips = fields.flag('strip_path') ?? true;
  readPlugins(fields, { parts, name, service: service ?? null, world });
  sayOthers(fields);
  fields.close('routes');
  if (match === null) return [];
  if (strips && match.paths.some(({ isRegex }) => isRegex) && !parts.answer) {
    parts.unsafe ??= 'what a pattern takes off the path cannot be said (strip_path)';
    fields.notCarried('paths', `${parts.unsafe}; the route answers 501 until it is put right`);
  }
  const to = parts.unsafe === null ? (parts.answer ?? (leading ? parts.to : null)) : refusing(parts.unsafe);
  if (to === null) {
    fields.report.notCarried(fields.path, 'it leads to no servers');
    return [];
  }
  return pieces({ name, match, parts, to, strips });
}

function sayOthers(fields: Fields): void {
  const protocols = fields.texts('protocols') ?? ['http', 'https'];
  if (!protocols.some((protocol) => /^(http|grpc)/.test(protocol)))
    fields.notCarried('protocols', 'only HTTP is spoken');
  else if (!protocols.includes('http') && !protocols.includes('grpc'))
    fields.differs('protocols', 'listeners say which of them speak TLS: it is for all routes');
  for (const key of [
    'https_redirect_status_code',
    'snis',
    'sources',
    'destinations',
    'expression',
    'priority',
  ])
    if (fields.has(key)) fields.notCarried(key, 'see docs/listeners.md and docs/matching.md');
  for (const key of ['path_handling', 'request_buffering', 'response_buffering'])
    if (fields.has(key)) fields.differs(key, 'bodies stream both ways; paths are joined with one slash');
}

function leadingTo(service: Fields, world: World): Leading | null {
  const before = world.services.get(service);
  if (before !== undefined) return before;
  const leading = readService(service, { draft: world.draft, upstreams: world.entities.upstreams });
  world.services.set(service, leading);
  return leading;
}

interface Path {
  readonly text: string;
  readonly isRegex: boolean;
}

interface Match {
  readonly paths: readonly Path[];
  readonly hosts: readonly string[];
  readonly methods: readonly string[] | undefined;
  readonly headers: Piece;
  readonly regexPriority: number;
}

/** Null: it cannot be said which requests it takes. */
function readMatch(fields: Fields, { isOld }: World): Match | null {
  const written = fields.texts('paths') ?? [];
  const hosts = fields.texts('hosts') ?? [];
  const methods = fields.texts('methods')?.filter((method) => /^[A-Z]+$/.test(method));
  const regexPriority = fields.amount('regex_priority') ?? 0;
  const headers = readHeaders(fields);
  if (headers === null) return null;
  const paths = written.map((text): Path => {
    if (!isOld)
      return text.startsWith('~') ? { text: text.slice(1), isRegex: true } : { text, isRegex: false };
    return { text, isRegex: !/^[A-Za-z0-9\-._~/%]*$/.test(text) };
  });
  if (paths.some((path) => pathOf(path) === null)) {
    fields.notCarried('paths', 'not all of these paths can be said in linear time, so the route is left out');
    return null;
  }
  const named = hosts.filter((host) => /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(host));
  if (named.length < hosts.length) {
    fields.notCarried('hosts', 'hosts are names, with *. before some; the route is left out');
    return null;
  }
  if (paths.some(({ isRegex, text }) => !isRegex && text.length > 1))
    fields.differs('paths', 'a prefix is one of whole segments: /foo is no prefix of /foobar');
  return {
    paths: paths.length > 0 ? paths : [{ text: '/', isRegex: false }],
    hosts: named,
    methods: methods && methods.length > 0 ? methods : undefined,
    headers,
    regexPriority,
  };
}

/** A pattern is held against the beginning there. */
function pathOf({ text, isRegex }: Path): string | Piece | null {
  if (!isRegex) {
    const bare = text.replace(/\/+$/, '');
    if (!/^(\/[^\s?#\\*{}]*)?$/.test(bare) || /\/\/|\/\.{1,2}(\/|$)|%(2f|5c|2e|00)/i.test(bare)) return null;
    return `${bare}/**`;
  }
  const bare = text.replaceAll(/\(\?P?<[A-Za-z_]\w*>/g, '(').replace(/^\^/, '');
  const pattern = /(?<!\\)(\\\\)*\$$/.test(bare) ? bare.slice(0, -1) : `(?:${bare}).*`;
  return isPattern(pattern) && /^(\(\?:)?\(*\\?\//.test(pattern) ? { pattern } : null;
}

/** Of each header one of the values. Null where they cannot be said. */
function readHeaders(fields: Fields): Piece | null {
  const headers = fields.within('headers');
  const found: Piece = {};
  for (const name of headers?.keys ?? []) {
    const values = headers!.texts(name);
    const isName = /^[A-Za-z0-9-]+$/.test(name) && !/^(host|cookie)$/i.test(name);
    if (!values || !isName || values.some((value) => value.startsWith('~*'))) {
      fields.report.notCarried(
        [...fields.path, 'headers', name],
        'values are matched to the letter; the route is left out',
      );
      return null;
    }
    found[name] = values.length === 1 ? values[0] : { pattern: values.map(literal).join('|') };
  }
  headers?.close('match.headers');
  return found;
}

interface On {
  readonly parts: RouteParts;
  readonly name: string;
  readonly service: Fields | null;
  readonly world: World;
}

/** Of plugins of one name the most specific one holds; what is a consumer's, or a group's, holds beside it. */
function readPlugins(route: Fields, on: On): void {
  const { world, parts, service } = on;
  const isHere = ({ route: to, service: of }: PluginEntity): boolean =>
    (to === null || isCalled(route, to)) && (of === null || (service !== null && isCalled(service, of)));
  const here = world.entities.plugins.filter(isHere);
  const score = ({ route: to, service: of }: PluginEntity): number =>
    (to === null ? 0 : 2) + (of === null ? 0 : 1);
  const chosen = new Map<string, PluginEntity>();
  for (const each of here) {
    if (each.consumer !== null || each.group !== null) continue;
    const name = String(each.fields.peek('name'));
    const before = chosen.get(name);
    if (!before || score(each) > score(before)) chosen.set(name, each);
  }
  for (const each of chosen.values()) readPlugin(each, parts, on);
  if (!parts.isAuthenticated) return;
  for (const each of here) {
    if (each.consumer === null && each.group === null) continue;
    const own = new RouteParts(world.draft);
    // They stand for callers who are known.
    own.knowsCallers = true;
    readPlugin(each, own, on);
    parts.adopt(own, each.consumer === null ? ofGroup(each.group!) : ofConsumer(legalName(each.consumer)));
  }
}

function readPlugin({ fields: entity }: PluginEntity, parts: RouteParts, { name: route, world }: On): void {
  const fields = world.told.has(entity) ? entity.told(new ReportBuilder()) : entity;
  world.told.add(entity);
  const name = fields.text('name') ?? '';
  for (const key of ['id', 'tags', 'instance_name', 'service', 'route', 'consumer', 'consumer_group'])
    fields.take(key);
  for (const key of ['protocols', 'ordering'])
    if (fields.has(key)) fields.differs(key, 'the order is that of the list, for all protocols');
  if (fields.flag('enabled') === false) return fields.restNotCarried('it is off');
  const config = fields.within('config');
  const read = Object.hasOwn(plugins, name) ? plugins[name]! : isLogger(name) ? loggerPlugin : null;
  const settings = config ?? fields.nothing('config');
  if (read) {
    read(settings, { parts, name: route, providers: world.providers, issuers: world.issuers });
    return fields.close('policies');
  }
  settings.restNotCarried(
    `nothing is known of the plugin "${name}"; see docs/writing-policies.md for policies of your own`,
  );
  fields.notCarried('name', 'nothing is known of this plugin');
  fields.close('policies');
}

interface Written {
  readonly name: string;
  readonly match: Match;
  readonly parts: RouteParts;
  readonly to: Piece;
  readonly strips: boolean;
}

function pieces({ name, match, parts, to, strips }: Written): ReadRoute[] {
  const { hosts, methods, headers, paths, regexPriority } = match;
  const isLlm = 'llm' in to;
  // A path that is rewritten says the whole of it.
  const rewrite = to['rewrite'] as Piece | undefined;
  const isSentOn = 'upstream' in to && rewrite?.['path'] === undefined;
  return (hosts.length > 0 ? hosts : [null]).flatMap((host) =>
    paths.map((path) => {
      const prefix = path.isRegex ? '' : path.text.replace(/\/+$/, '');
      const own = isLlm
        ? llmPath(prefix)
        : { path: pathOf(path)!, ...(strips && prefix !== '' && isSentOn ? { stripPrefix: prefix } : {}) };
      const { path: at, ...strip } = own;
      const piece = {
        name,
        match: {
          ...(host === null ? {} : { host }),
          path: at,
          ...(methods && !isLlm ? { methods } : {}),
          ...(Object.keys(headers).length > 0 ? { headers } : {}),
        },
        ...strip,
        ...(parts.bodyLimit === null ? {} : { bodyLimit: parts.bodyLimit }),
        to,
        policies: parts.unsafe === null ? parts.policies() : [],
      };
      const sorts = [
        host !== null,
        methods !== undefined,
        Object.keys(headers).length > 0,
        path.text !== '/',
      ];
      const rank = [
        -sorts.filter(Boolean).length,
        // Of as many sorts of conditions, those on the host go before those on headers, paths and methods.
        -(Number(sorts[0]) * 8 + Number(sorts[2]) * 4 + Number(sorts[3]) * 2 + Number(sorts[1])),
        host?.startsWith('*') ? 1 : 0,
        -Object.keys(headers).length,
        path.isRegex ? 0 : 1,
        path.isRegex ? -regexPriority : 0,
        -path.text.length,
      ];
      return { piece, rank };
    }),
  );
}

/** SDKs ask at `/v1/chat/completions` and the like, below what the route's path says before that. */
function llmPath(prefix: string): { readonly path: string; readonly stripPrefix?: string } {
  const base = prefix
    .replace(/(\/v1)?\/(chat\/completions|completions|embeddings|messages|responses)$/, '')
    .replace(/\/v1$/, '');
  return base === '' ? { path: '/v1/**' } : { path: `${base}/**`, stripPrefix: base };
}
