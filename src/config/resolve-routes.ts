import { LinearPattern } from '#core/linear-pattern.ts';
import { connectRules } from '#core/retry-rules.ts';
import type { FixedRoute, HttpRoute, LlmRoute, PolicyUse, Route, UpstreamGroup } from '#core/snapshot.ts';
import type { ModelIndex } from '#core/resolve-model.ts';
import { orderRoutes, type PlacedRoute } from './order-routes.ts';
import { didYouMean, type Problems } from './problem.ts';
import { resolveRedirect, resolveRewrite, resolveStatic } from './resolve-destination.ts';
import { resolveHedge, resolveRetries } from './resolve-retries.ts';
import { resolveWebSocket } from './resolve-websocket.ts';
import { resolveMatch, type Add } from './resolve-match.ts';
import { resolveTimeouts } from './resolve-timeouts.ts';
import { resolveUpstream } from './resolve-upstreams.ts';
import type { ConfigDocument, PolicyEntry, RouteSettings } from './schema.ts';
import { parseSize } from './units.ts';

export interface RouteScope {
  readonly bodyBytes: number;
  readonly models: ModelIndex;
  /** Names of models that are listed, for suggestions. */
  readonly modelNames: readonly string[];
  /** Those that are configured by name; those of the routes' own lists are added. */
  readonly upstreams: Record<string, UpstreamGroup>;
}

/** Nobody should find out that a gateway is open because a list was forgotten: `policies: []` says so. */
const policiesUnlessSaid: readonly PolicyEntry[] = [{ 'key-auth': {} }, { 'model-access': {} }];

export function resolveRoutes(document: ConfigDocument, scope: RouteScope, problems: Problems): Route[] {
  const defaultList = usesOf(document.policies ?? policiesUnlessSaid, '');
  const placed: PlacedRoute[] = [];
  const names = new Set<string>();
  const timeouts = resolveTimeouts(undefined, '60s');
  for (const [i, settings] of (document.routes ?? []).entries()) {
    const add = (step: string, message: string) => problems.add(['routes', i, ...step.split('.')], message);
    if (names.has(settings.name)) add('name', `the name "${settings.name}" is taken by another route`);
    names.add(settings.name);
    const match = resolveMatch(settings.match, kindOf(settings.to), add);
    checkStripPrefix(settings, add);
    const uses = policiesOf(settings, defaultList);
    if (new Set(uses.map((use) => use.instance)).size < uses.length)
      add('policies', 'the default list stands in it twice');
    const base = {
      name: settings.name,
      match,
      policies: uses,
      stripPrefix: settings.stripPrefix ?? '',
      priority: settings.priority ?? 5,
      bodyBytes: settings.bodyLimit === undefined ? scope.bodyBytes : parseSize(settings.bodyLimit),
    };
    const { to } = settings;
    if ('llm' in to) {
      for (const name of to.llm.models ?? [])
        if (!name.includes('*') && !scope.models.find(name))
          add('to.llm.models', `unknown model "${name}"${didYouMean(name, scope.modelNames)}`);
      const { strict = false, models = null, vendorIds = 'refuse' } = to.llm;
      placed.push({ route: { ...base, kind: 'llm', strict, vendorIds, models } satisfies LlmRoute, add });
    } else if ('redirect' in to || 'static' in to) {
      if (settings.stripPrefix !== undefined) add('stripPrefix', 'nothing is sent on by this route');
      const answer =
        'redirect' in to ? resolveRedirect(to.redirect, match, add) : resolveStatic(to.static, add);
      placed.push({ route: { ...base, kind: 'fixed', answer } satisfies FixedRoute, add });
    } else {
      if (to.rewrite?.path !== undefined && settings.stripPrefix !== undefined)
        add('stripPrefix', 'the path is said by "to.rewrite.path"');
      if (to.rewrite?.host !== undefined && to.preserveHost)
        add('to.preserveHost', 'the host is said by "to.rewrite.host"');
      const upstream = groupOf(settings.name, to, scope.upstreams, add);
      const group = Object.hasOwn(scope.upstreams, upstream) ? scope.upstreams[upstream] : undefined;
      const route = {
        ...base,
        kind: 'http',
        upstream,
        retries: to.retries ? resolveRetries(to.retries) : (group?.retries ?? connectRules),
        hedge: to.hedge ? resolveHedge(to.hedge) : (group?.hedge ?? null),
        preserveHost: to.preserveHost ?? false,
        rewrite: to.rewrite ? resolveRewrite(to.rewrite, match, add) : null,
        upgrade: to.upgrade ?? true,
        websocket: resolveWebSocket(to.websocket, (message) => add('to.websocket.origins', message)),
        timeouts: to.timeouts ? resolveTimeouts(to.timeouts, '60s') : timeouts,
      } satisfies HttpRoute;
      placed.push({ route, add });
    }
  }
  return orderRoutes(placed, document.routing ?? 'order');
}

function kindOf(to: RouteSettings['to']): Route['kind'] {
  if ('llm' in to) return 'llm';
  return 'redirect' in to || 'static' in to ? 'fixed' : 'http';
}

/** A route's own list is a group like any other, under a name nobody can give. */
function groupOf(
  route: string,
  to: Extract<RouteSettings['to'], { http: unknown } | { upstream: unknown }>,
  groups: Record<string, UpstreamGroup>,
  add: Add,
): string {
  if ('upstream' in to) {
    if (!Object.hasOwn(groups, to.upstream))
      add('to.upstream', `unknown upstream "${to.upstream}"${didYouMean(to.upstream, Object.keys(groups))}`);
    return to.upstream;
  }
  const name = `route/${route}`;
  groups[name] = resolveUpstream(name, { targets: typeof to.http === 'string' ? [to.http] : to.http });
  return name;
}

function checkStripPrefix({ stripPrefix, match }: RouteSettings, add: Add): void {
  if (stripPrefix === undefined) return;
  const base = typeof match.path === 'string' ? match.path.replace(/\/\*\*$/, '') : literalPrefix(match.path);
  if (stripPrefix.includes('{')) add('stripPrefix', 'expected a prefix without parameters');
  else if (base !== stripPrefix && !base.startsWith(`${stripPrefix}/`))
    add('stripPrefix', `expected the beginning of the path ${match.path}, got "${stripPrefix}"`);
}

function literalPrefix({ pattern }: { readonly pattern: string }): string {
  try {
    return new LinearPattern(pattern).prefix;
  } catch {
    return '';
  }
}

function policiesOf(settings: RouteSettings, defaultList: readonly PolicyUse[]): readonly PolicyUse[] {
  // The list itself: of a hundred thousand routes with it there is one.
  if (!settings.policies) return defaultList;
  const own = usesOf(
    settings.policies.filter((entry) => entry !== 'default') as PolicyEntry[],
    `${settings.name}/`,
  );
  const next = own.values();
  return settings.policies.flatMap((entry) => (entry === 'default' ? defaultList : [next.next().value!]));
}

/** Counted by kind, so that another policy put before it leaves a limit the name it is counted under. */
function usesOf(entries: readonly PolicyEntry[], owner: string): PolicyUse[] {
  const counts = new Map<string, number>();
  return entries.map((entry) => {
    const [kind, settings] = Object.entries(entry)[0]!;
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return { kind, instance: `${owner}${kind}/${count}`, settings };
  });
}
