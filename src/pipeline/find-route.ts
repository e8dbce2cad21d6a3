import { Fault } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import { wholeSegments, parseTemplate, type PathTemplate } from '#core/path-template.ts';
import { RouteTrie } from '#core/route-trie.ts';
import type { CompiledRoute, Gateway } from './gateway.ts';
import { judgeHead } from './head-test.ts';

type Routes = Pick<Gateway, 'routes' | 'routeTrie'>;

/** Routes by host and path. Of siblings the first stands for all. */
export function indexRoutes(routes: readonly CompiledRoute[]): RouteTrie {
  const trie = new RouteTrie();
  for (const [place, compiled] of routes.entries()) {
    if (compiled.siblings && compiled.siblings[0] !== compiled) continue;
    trie.add(place, compiled.route.match.host, templateOf(compiled));
  }
  return trie;
}

/** Where a pattern's texts all begin with whole segments, it is looked for only below those. */
function templateOf({ route, headTest }: CompiledRoute): PathTemplate {
  const { path } = route.match;
  if (typeof path === 'string') return parseTemplate(path);
  return { segments: wholeSegments(headTest!.path!.prefix), below: true };
}

interface Request {
  readonly routes: readonly CompiledRoute[];
  readonly head: RequestHead;
}

function takes(place: number, { routes, head }: Request): boolean {
  const { route, headTest } = routes[place]!;
  const { methods } = route.match;
  if (methods !== null && !methods.includes(head.method)) return false;
  return headTest === null || judgeHead(headTest, head).kind !== 'no';
}

/**
 * The first route, in the order of the snapshot, that matches.
 * @throws Fault `route/not-found`, `route/method-not-allowed` when only the method kept routes from matching, or
 * `request/malformed` when the route decides by something that came twice.
 */
export function findRoute({ routes, routeTrie }: Routes, head: RequestHead): CompiledRoute {
  const request = { routes, head };
  const place = routeTrie.find(head.host, head.path, { judge: takes, request });
  const found = routes[place];
  if (head.path.includes('%2F') && !leadsToModels(found)) throw encodedSlash();
  if (!found) throw notFound(routeTrie, request);
  if (found.headTest) refuseUnclear(found, head);
  return found;
}

/**
 * Some servers take an encoded slash for a slash, and some do not: what was judged as one path could be served as another.
 * The path of a model's call is read here, where the model's name may have one, and goes nowhere.
 */
function leadsToModels(found: CompiledRoute | undefined): boolean {
  // Of a split route all parts lead to models, or none does.
  return (found?.parts?.[0]?.compiled ?? found)?.route.kind === 'llm';
}

export const encodedSlash = (): Fault => new Fault('request/malformed', 'The path holds an encoded slash.');

function refuseUnclear({ headTest }: CompiledRoute, head: RequestHead): void {
  const verdict = judgeHead(headTest!, head);
  if (verdict.kind !== 'unclear' || typeof verdict.by === 'string') return;
  const { part, name } = verdict.by;
  const what = part === 'query' ? 'query parameter' : part;
  const message = `The ${what} "${name}" came more than once, and the route is chosen by it. Send it once.`;
  throw new Fault('request/malformed', message, { field: name });
}

/** RFC 9110 §15.5.6: what is there under another method is said to be. */
function notFound(trie: RouteTrie, { routes, head }: Request): Fault {
  const allowed = new Set<string>();
  const judge = (place: number) => {
    const { route, headTest } = routes[place]!;
    if (headTest === null || judgeHead(headTest, head).kind !== 'no')
      for (const method of route.match.methods ?? []) allowed.add(method);
    return false;
  };
  trie.find(head.host, head.path, { judge, request: null });
  if (allowed.size === 0)
    return new Fault('route/not-found', `No route matches ${head.method} ${head.host}${head.path}.`);
  const list = [...allowed].join(', ');
  return new Fault('route/method-not-allowed', `${head.path} takes ${list}, not ${head.method}.`, {
    headers: ['allow', list],
  });
}

/** `*.example.com` matches one or more labels before `.example.com`. */
export function matchesHost(pattern: string | null, host: string): boolean {
  if (pattern === null) return true;
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}
