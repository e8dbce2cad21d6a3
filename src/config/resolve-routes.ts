import { connectRules } from '#core/retry-rules.ts';
import type { HttpRoute, LlmRoute, PolicyUse, Route, RouteMatch, UpstreamGroup } from '#core/snapshot.ts';
import type { ModelIndex } from '#core/resolve-model.ts';
import { didYouMean, type Problems } from './problem.ts';
import { resolveHedge, resolveRetries } from './resolve-retries.ts';
import { resolveWebSocket } from './resolve-websocket.ts';
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
  const routes: Route[] = [];
  for (const [i, settings] of (document.routes ?? []).entries()) {
    const add = (step: string, message: string) => problems.add(['routes', i, ...step.split('.')], message);
    if (routes.some((other) => other.name === settings.name))
      add('name', `the name "${settings.name}" is taken by another route`);
    const match = {
      host: settings.match.host?.toLowerCase() ?? null,
      path: settings.match.path,
      methods: settings.match.methods ?? null,
    };
    checkMatch(match, add);
    const shadow = routes.find((other) => covers(other.match, match));
    if (shadow) add('match', `is never reached: the route "${shadow.name}" before it takes all its requests`);
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
      routes.push({ ...base, kind: 'llm', strict, vendorIds, models } satisfies LlmRoute);
    } else {
      const upstream = groupOf(settings.name, to, scope.upstreams, add);
      const group = Object.hasOwn(scope.upstreams, upstream) ? scope.upstreams[upstream] : undefined;
      routes.push({
        ...base,
        kind: 'http',
        upstream,
        retries: to.retries ? resolveRetries(to.retries) : (group?.retries ?? connectRules),
        hedge: to.hedge ? resolveHedge(to.hedge) : (group?.hedge ?? null),
        preserveHost: to.preserveHost ?? false,
        upgrade: to.upgrade ?? true,
        websocket: resolveWebSocket(to.websocket, (message) => add('to.websocket.origins', message)),
        timeouts: resolveTimeouts(to.timeouts, '60s'),
      } satisfies HttpRoute);
    }
  }
  return routes;
}

type Add = (step: string, message: string) => void;

/** A route's own list is a group like any other, under a name nobody can give. */
function groupOf(
  route: string,
  to: Exclude<RouteSettings['to'], { llm: unknown }>,
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

/** Patterns are compared with canonical hosts and paths, so what cannot be canonical would never match. */
function checkMatch({ host, path }: RouteMatch, add: Add): void {
  if (host !== null && !/^(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(host))
    add(
      'match.host',
      `expected a host such as api.example.com or *.example.com, without port, got "${host}"`,
    );
  const plain = path.endsWith('/**') ? path.slice(0, -3) : path;
  if (/[*?#\s\\]/.test(plain))
    add('match.path', `expected a path, or a path and /** at its end, got "${path}"`);
  else if (/\/\/|\/\.{1,2}(?:\/|$)|%(?:2f|5c|2e|00)/i.test(plain))
    add(
      'match.path',
      `"${path}" can never match: requests have no empty or dot segments and no encoded slashes`,
    );
}

function checkStripPrefix({ stripPrefix, match }: RouteSettings, add: Add): void {
  if (stripPrefix === undefined) return;
  const base = match.path.replace(/\/\*\*$/, '');
  if (base !== stripPrefix && !base.startsWith(`${stripPrefix}/`))
    add('stripPrefix', `expected the beginning of the path ${match.path}, got "${stripPrefix}"`);
}

/** Does one match take every request that the other does? */
export function covers(one: RouteMatch, other: RouteMatch): boolean {
  const { methods } = other;
  if (one.methods !== null && !methods?.every((method) => one.methods!.includes(method))) return false;
  return coversHost(one.host, other.host) && coversPath(one.path, other.path);
}

function coversHost(one: string | null, other: string | null): boolean {
  if (one === null || one === other) return true;
  return (
    other !== null &&
    one.startsWith('*.') &&
    other.replace(/^\*/, '').endsWith(one.slice(1)) &&
    other !== one.slice(2)
  );
}

function coversPath(one: string, other: string): boolean {
  if (one === other) return true;
  const base = one.slice(0, -3);
  return one.endsWith('/**') && (other === base || other.startsWith(`${base}/`));
}

function policiesOf(settings: RouteSettings, defaultList: readonly PolicyUse[]): PolicyUse[] {
  if (!settings.policies) return [...defaultList];
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
