import { LinearPattern } from '#core/linear-pattern.ts';
import type { PolicyUse, Route } from '#core/snapshot.ts';
import { orderRoutes, type PlacedRoute } from './order-routes.ts';
import { checkExchangeExpression, tellProblem } from '#expressions/index.ts';
import type { Path } from './places.ts';
import type { Problems } from './problem.ts';
import { resolveMatch, type Add } from './resolve-match.ts';
import { resolveOperations, routesOf } from './resolve-operations.ts';
import { kindOf, resolveTo, type RouteScope } from './resolve-to.ts';
import type { ConfigDocument, PolicyEntry, RouteSettings } from './schema.ts';
import { parseSize } from '#core/units.ts';

/** Nobody should find out that a gateway is open because a list was forgotten: `policies: []` says so. */
const policiesUnlessSaid: readonly PolicyEntry[] = [{ 'key-auth': {} }, { 'model-access': {} }];

export function resolveRoutes(document: ConfigDocument, scope: RouteScope, problems: Problems): Route[] {
  const defaultList = usesOf(
    { entries: document.policies ?? policiesUnlessSaid, owner: '', path: ['policies'] },
    scope,
    problems,
  );
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
    const { openapi } = settings.match;
    const described = openapi === undefined ? null : resolveOperations(openapi, scope.documents, add);
    // Of a described route each operation has its own; until then it stands for what is below.
    const path = settings.match.path ?? `${described?.base ?? ''}/`;
    const match = resolveMatch(settings.match, { kind: kindOf(settings.to), path }, add);
    checkStripPrefix(settings, path, add);
    const uses = policiesOf(settings, defaultList, (list) =>
      usesOf({ entries: list, owner: `${settings.name}/`, path: ['routes', i, 'policies'] }, scope, problems),
    );
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
    const route = resolveTo(settings.to, base, scope, add);
    const routes = described ? routesOf(route, described, add) : [route];
    placed.push(...routes.map((each) => ({ route: each, add })));
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

function checkStripPrefix(
  { stripPrefix }: RouteSettings,
  path: NonNullable<RouteSettings['match']['path']>,
  add: Add,
): void {
  if (stripPrefix === undefined) return;
  const base = typeof path === 'string' ? path.replace(/\/(?:\*\*)?$/, '') : literalPrefix(path);
  if (stripPrefix.includes('{')) add('stripPrefix', 'expected a prefix without parameters');
  else if (base !== stripPrefix && !base.startsWith(`${stripPrefix}/`))
    add(
      'stripPrefix',
      `expected the beginning of the path ${typeof path === 'string' ? path : path.pattern}, got "${stripPrefix}"`,
    );
}

function literalPrefix({ pattern }: { readonly pattern: string }): string {
  try {
    return new LinearPattern(pattern).prefix;
  } catch {
    return '';
  }
}

function policiesOf(
  { policies }: RouteSettings,
  defaultList: readonly PolicyUse[],
  usesIn: (entries: PolicyList) => PolicyUse[],
): readonly PolicyUse[] {
  // The list itself: of a hundred thousand routes with it there is one.
  if (!policies) return defaultList;
  const next = usesIn(policies as PolicyList).values();
  return policies.flatMap((entry) => (entry === 'default' ? defaultList : [next.next().value!]));
}

type PolicyList = readonly (PolicyEntry | 'default')[];

/** Where policies are written. */
interface Written {
  readonly entries: PolicyList;
  /** What the names of its policies begin with. */
  readonly owner: string;
  readonly path: Path;
}

/** Counted by kind, so that another policy put before it leaves a limit the name it is counted under. */
function usesOf(
  { entries, owner, path }: Written,
  { documents }: RouteScope,
  problems: Problems,
): PolicyUse[] {
  const counts = new Map<string, number>();
  return entries.flatMap((entry, i) => {
    if (entry === 'default') return [];
    const { when, ...kinds } = entry as PolicyEntry & { readonly when?: string };
    const [kind, settings] = Object.entries(kinds)[0]!;
    const problem = when === undefined ? null : checkExchangeExpression(when);
    if (problem) problems.add([...path, i, 'when'], tellProblem(problem));
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    const told = (step: string | null, message: string) =>
      problems.add([...path, i, kind, ...(step === null ? [] : [step])], message);
    const whole = documents ? documents.withThem(kind, settings, told) : settings;
    const use = { kind, instance: `${owner}${kind}/${count}`, settings: whole };
    return [when === undefined ? use : { ...use, when }];
  });
}
