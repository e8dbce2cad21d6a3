import type { PriceSchedule } from '#core/price.ts';
import type { ModelIndex } from '#core/resolve-model.ts';
import { connectRules } from '#core/retry-rules.ts';
import type { HttpRoute, Route, SplitPart, SplitRoute, UpstreamGroup } from '#core/snapshot.ts';
import { didYouMean } from './problem.ts';
import type { PolicyDocuments } from './policy-documents.ts';
import { resolveRedirect, resolveRewrite, resolveStatic } from './resolve-destination.ts';
import { conditionsOf, type Add } from './resolve-match.ts';
import { resolveGraphql } from './resolve-graphql.ts';
import { resolveMeter } from './resolve-meter.ts';
import { resolveHedge, resolveRetries } from './resolve-retries.ts';
import { resolveTimeouts } from './resolve-timeouts.ts';
import { resolveLoop, resolveMcp } from './resolve-tools.ts';
import { resolveUpstream } from './resolve-upstreams.ts';
import { resolveWebSocket } from './resolve-websocket.ts';
import type { RouteSettings } from './schema.ts';
import { parseDuration, parseSize } from '#core/units.ts';

export interface RouteScope {
  /** Absent: nothing refers to any. */
  readonly documents?: PolicyDocuments;
  readonly bodyBytes: number;
  readonly prices: ReadonlyMap<string, PriceSchedule>;
  readonly models: ModelIndex;
  /** Names of models that are listed, for suggestions. */
  readonly modelNames: readonly string[];
  /** Names of servers of tools. */
  readonly toolServers: readonly string[];
  /** Those that are configured by name; those of the routes' own lists are added. */
  readonly upstreams: Record<string, UpstreamGroup>;
}

type To = RouteSettings['to'];
type ServersTo = Extract<To, { http: unknown } | { upstream: unknown } | { graphql: unknown }>;
type SplitTo = Extract<To, { split: unknown }>;
/** What a route has whatever it leads to. */
export type RouteBase = Pick<
  HttpRoute,
  'name' | 'match' | 'policies' | 'priority' | 'whenUnavailable' | 'stripPrefix' | 'bodyBytes'
>;

const usualTimeouts = resolveTimeouts(undefined, '60s');

export function kindOf(to: To): Route['kind'] {
  if ('llm' in to) return 'llm';
  if ('mcp' in to) return 'mcp';
  if ('split' in to) return 'split';
  return 'redirect' in to || 'static' in to ? 'fixed' : 'http';
}

/** `group` is what the route's own list of servers is called: a name that nobody can give. */
export function resolveTo(
  to: To,
  base: RouteBase,
  scope: RouteScope,
  add: Add,
  group = `route/${base.name}`,
): Route {
  if ('llm' in to) {
    for (const name of to.llm.models ?? [])
      if (!name.includes('*') && !scope.models.find(name))
        add('to.llm.models', `unknown model "${name}"${didYouMean(name, scope.modelNames)}`);
    const { strict = false, models = null, vendorIds = 'refuse' } = to.llm;
    const websocket = resolveWebSocket(to.llm.websocket, (message) =>
      add('to.llm.websocket.origins', message),
    );
    const { tools } = to.llm;
    const loop = tools ? { tools: resolveLoop(tools, scope.toolServers, add) } : {};
    return { ...base, kind: 'llm', strict, vendorIds, models, websocket, ...loop };
  }
  if ('mcp' in to)
    return { ...base, ...resolveMcp(to.mcp, { match: base.match, known: scope.toolServers }, add) };
  if ('split' in to) return resolveSplit(to, base, scope, add);
  if ('redirect' in to)
    return { ...base, kind: 'fixed', answer: resolveRedirect(to.redirect, base.match, add) };
  if ('static' in to) return { ...base, kind: 'fixed', answer: resolveStatic(to.static, add) };
  return resolveServers(to, base, scope, add, group);
}

function resolveServers(
  to: ServersTo,
  base: RouteBase,
  scope: RouteScope,
  add: Add,
  groupName: string,
): HttpRoute {
  const rewrite = 'rewrite' in to ? to.rewrite : undefined;
  if (rewrite?.path !== undefined && base.stripPrefix !== '')
    add('stripPrefix', 'the path is said by "to.rewrite.path"');
  if (rewrite?.host !== undefined && to.preserveHost)
    add('to.preserveHost', 'the host is said by "to.rewrite.host"');
  if ('graphql' in to && to.upgrade)
    add('to.upgrade', 'what is asked over a WebSocket is not read, so GraphQL routes have none');
  if ('graphql' in to && base.stripPrefix !== '') add('stripPrefix', 'the path is said by "to.graphql"');
  const upstream = groupOf(to, scope, add, groupName);
  const group = Object.hasOwn(scope.upstreams, upstream) ? scope.upstreams[upstream] : undefined;
  return {
    ...base,
    kind: 'http',
    upstream,
    retries: to.retries ? resolveRetries(to.retries) : (group?.retries ?? connectRules),
    hedge: to.hedge ? resolveHedge(to.hedge) : (group?.hedge ?? null),
    mirror: to.mirror ? resolveMirror(to.mirror, scope, add) : null,
    meter: to.meter ? resolveMeter(to.meter, scope.prices, add) : null,
    preserveHost: to.preserveHost ?? false,
    graphql: 'graphql' in to ? resolveGraphql(to, add) : null,
    rewrite: rewrite ? resolveRewrite(rewrite, base.match, add) : null,
    upgrade: to.upgrade ?? !('graphql' in to),
    websocket: resolveWebSocket(to.websocket, (message) => add('to.websocket.origins', message)),
    timeouts: to.timeouts ? resolveTimeouts(to.timeouts, '60s') : usualTimeouts,
  };
}

function resolveMirror(
  settings: NonNullable<ServersTo['mirror']>,
  { upstreams }: RouteScope,
  add: Add,
): HttpRoute['mirror'] {
  const { upstream, percent = 100, maxBody = '1MiB', maxConcurrent = 100, timeout = '30s' } = settings;
  if (!Object.hasOwn(upstreams, upstream))
    add(
      'to.mirror.upstream',
      `unknown upstream "${upstream}"${didYouMean(upstream, Object.keys(upstreams))}`,
    );
  const timeoutMs = parseDuration(timeout);
  return { upstream, percent, maxBodyBytes: parseSize(maxBody), maxConcurrent, timeoutMs };
}

/** A route's own list is a group like any other. */
function groupOf(to: ServersTo, { upstreams }: RouteScope, add: Add, name: string): string {
  const named = namedGroup(to);
  if (named !== null) {
    if (!Object.hasOwn(upstreams, named))
      add(
        'graphql' in to ? 'to.graphql' : 'to.upstream',
        `unknown upstream "${named}"${didYouMean(named, Object.keys(upstreams))}`,
      );
    if ('oauth2' in to && to.oauth2) add('to.oauth2', `belongs to the upstream "${named}"`);
    return named;
  }
  const { oauth2 } = to as Exclude<ServersTo, { upstream: unknown }>;
  const urls = [urlsOf(to)].flat();
  const settings = { targets: urls, ...(oauth2 ? { oauth2 } : {}) };
  upstreams[name] = resolveUpstream(name, settings, (step, message) => add(`to.${step}`, message));
  return name;
}

/** Null where the route has a list of its own. */
function namedGroup(to: ServersTo): string | null {
  if ('upstream' in to) return to.upstream;
  return 'graphql' in to && typeof to.graphql === 'string' && !to.graphql.includes('://') ? to.graphql : null;
}

const urlsOf = (to: ServersTo): string | string[] =>
  'http' in to ? to.http : 'graphql' in to ? to.graphql : [];

function resolveSplit(to: SplitTo, base: RouteBase, scope: RouteScope, add: Add): SplitRoute {
  const names = new Set<string>();
  const parts = to.split.map((settings, i): SplitPart => {
    const at = `to.split.${i}`;
    const name = settings.name ?? String(i);
    if (names.has(name)) add(at, `the name "${name}" is taken by another part`);
    names.add(name);
    const addTo: Add = (step, message) => add(step.startsWith('to.') ? `${at}.${step}` : step, message);
    if ((kindOf(settings.to) === 'llm') !== (kindOf(to.split[0]!.to) === 'llm'))
      add(at, 'parts that lead to models and others cannot stand in for one another');
    const addWhen: Add = (step, message) => add(step.replace(/^match/, `${at}.when`), message);
    const when = [
      ...conditionsOf('header', settings.when?.headers, addWhen),
      ...conditionsOf('query', settings.when?.query, addWhen),
      ...conditionsOf('cookie', settings.when?.cookies, addWhen),
    ];
    const route = resolveTo(settings.to, base, scope, addTo, `route/${base.name}/${name}`);
    return { name, weight: settings.weight, when, route };
  });
  if (parts.every(({ weight }) => weight === 0)) add('to.split', 'expected a part with a weight above 0');
  const [by, stickyName] = (to.stickyBy ?? 'none').split(':') as [SplitRoute['stickyBy'], string?];
  const named = by === 'header' ? stickyName!.toLowerCase() : (stickyName ?? '');
  return { ...base, kind: 'split', parts, stickyBy: by, stickyName: named };
}
