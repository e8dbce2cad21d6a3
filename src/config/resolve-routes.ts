import { LinearPattern } from '#core/linear-pattern.ts';
import type { PolicyUse, Route } from '#core/snapshot.ts';
import { orderRoutes, type PlacedRoute } from './order-routes.ts';
import type { Problems } from './problem.ts';
import { resolveMatch, type Add } from './resolve-match.ts';
import { kindOf, resolveTo, type RouteScope } from './resolve-to.ts';
import type { ConfigDocument, PolicyEntry, RouteSettings } from './schema.ts';
import { parseSize } from '#core/units.ts';

/** Nobody should find out that a gateway is open because a list was forgotten: `policies: []` says so. */
const policiesUnlessSaid: readonly PolicyEntry[] = [{ 'key-auth': {} }, { 'model-access': {} }];

export function resolveRoutes(document: ConfigDocument, scope: RouteScope, problems: Problems): Route[] {
  const defaultList = usesOf(document.policies ?? policiesUnlessSaid, '');
  const placed: PlacedRoute[] = [];
  const names = new Set<string>();
  const account = accountRoute(document, scope, defaultList);
  if (account) {
    names.add(account.route.name);
    placed.push(account);
  }
  for (const [i, settings] of (document.routes ?? []).entries()) {
    const add = (step: string, message: string) =>
      problems.add(
        ['routes', i, ...step.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key))],
        message,
      );
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
      ...(settings.whenUnavailable === undefined ? {} : { whenUnavailable: settings.whenUnavailable }),
      bodyBytes: settings.bodyLimit === undefined ? scope.bodyBytes : parseSize(settings.bodyLimit),
    };
    if (settings.stripPrefix !== undefined && kindOf(settings.to) === 'fixed')
      add('stripPrefix', 'nothing is sent on by this route');
    placed.push({ route: resolveTo(settings.to, base, scope, add), add });
  }
  return orderRoutes(placed, document.routing ?? 'order');
}

/** Where callers read what their project has used: before all other routes, under the policies that hold for all. */
function accountRoute(
  { account = '/sluice/v1', projects = {} }: ConfigDocument,
  { bodyBytes }: RouteScope,
  policies: readonly PolicyUse[],
): PlacedRoute | null {
  if (account === false || Object.keys(projects).length === 0) return null;
  const match = {
    host: null,
    path: `${account}/**`,
    methods: ['GET'],
    conditions: [],
    clients: null,
    call: null,
  };
  const route = {
    ...({ kind: 'fixed', name: 'sluice-account', match, policies, priority: 5, bodyBytes } as const),
    answer: { kind: 'account', prefix: account } as const,
  };
  return { route, add() {} };
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
