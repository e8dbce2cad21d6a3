import { headKey } from '#core/head-key.ts';
import { RouteTrie } from '#core/route-trie.ts';
import type { PolicyUse, Route } from '#core/snapshot.ts';
import { covers, templateAround } from './covers.ts';
import type { Add } from './resolve-match.ts';
import { bySpecificity } from './route-order.ts';

export interface PlacedRoute {
  readonly route: Route;
  readonly add: Add;
}

/** Earlier routes that are looked at to say that one is never reached: enough, and no more when many share a path. */
const maxCandidates = 200;

/**
 * The routes in the order they are tried. Those that are alike in all that the head has become a family: they share one
 * list of policies, so that who may ask is known before the body says which of them it is.
 */
export function orderRoutes(placed: readonly PlacedRoute[], order: 'order' | 'specific'): Route[] {
  const sorted =
    order === 'order'
      ? placed
      : placed.toSorted((one, other) => bySpecificity(one.route.match, other.route.match));
  const families = new Map<string, PlacedRoute[]>();
  for (const { route } of sorted) if (route.match.call) families.set(headKey(route.match), []);
  const trie = new RouteTrie();
  const routes: Route[] = [];
  for (const [place, each] of sorted.entries()) {
    const family = families.size > 0 ? (families.get(headKey(each.route.match)) ?? null) : null;
    routes.push(family ? joined(each, family) : each.route);
    if (family && family.length > 1) continue;
    const { match } = each.route;
    const template = templateAround(match.path);
    const found = trie
      .covering(match.host, template, maxCandidates)
      .find((earlier) => covers(routes[earlier]!.match, match));
    if (found !== undefined) neverReached(each, routes[found]!);
    trie.add(place, match.host, template);
  }
  return routes;
}

function neverReached({ add }: PlacedRoute, by: Route): void {
  add('match', `is never reached: the route "${by.name}" before it takes all its requests`);
}

function joined(each: PlacedRoute, family: PlacedRoute[]): Route {
  const { route, add } = each;
  const call = JSON.stringify(route.match.call);
  const shadow = family.find(
    ({ route: { match } }) => match.call === null || JSON.stringify(match.call) === call,
  );
  if (shadow) neverReached(each, shadow.route);
  family.push(each);
  const first = family[0]!.route;
  const must = (what: string, why: string) =>
    add(
      'match',
      `differs from "${first.name}" only in what the call asks for, so its ${what} must be the same: ${why}`,
    );
  if (route.kind !== first.kind) must('kind of target', 'the body is read by it');
  if (settingsOf(route.policies) !== settingsOf(first.policies))
    must('policies', 'they say who may ask before the body is read');
  if ('bodyBytes' in route && 'bodyBytes' in first && route.bodyBytes !== first.bodyBytes)
    must('bodyLimit', 'the body is read under it');
  if (route.kind === 'llm' && first.kind === 'llm' && route.stripPrefix !== first.stripPrefix)
    must('stripPrefix', 'the operation is found by it');
  // One list and so one count of each limit, whichever of them is chosen.
  return { ...route, policies: first.policies };
}

const settingsOf = (uses: readonly PolicyUse[]): string =>
  JSON.stringify(uses.map(({ kind, settings }) => [kind, settings]));
