import type { PathTemplate } from './path-template.ts';

/**
 * Routes by host and path. A route is its place in the order, a number; the lowest that matches is the one, and branches
 * that hold none lower than what is found already are not entered. So what a lookup costs depends on the request's path
 * and on the routes that share it, not on how many routes there are.
 */
interface Node {
  /** Lowest place in this branch. */
  first: number;
  children: Map<string, Node> | null;
  parameter: Node | null;
  /** Routes whose path ends here, and those that take everything below; in their order. */
  exact: number[] | null;
  below: number[] | null;
}

const emptyNode = (): Node => ({
  first: Infinity,
  children: null,
  parameter: null,
  exact: null,
  below: null,
});

/** Does the route, which matches by host and path template, take the request? */
export type Judge<R> = (place: number, request: R) => boolean;

export class RouteTrie {
  readonly #hosts = new Map<string, Node>();
  /** By what follows the star: `.example.com`. */
  readonly #suffixes = new Map<string, Node>();
  #anyHost: Node | null = null;

  /** Places are added in growing order. `host` as in RouteMatch. */
  add(place: number, host: string | null, { segments, below }: PathTemplate): void {
    let node = this.#rootFor(host);
    node.first = Math.min(node.first, place);
    for (const segment of segments) {
      if (segment === null) node = node.parameter ??= emptyNode();
      else {
        node.children ??= new Map();
        let child = node.children.get(segment);
        if (!child) node.children.set(segment, (child = emptyNode()));
        node = child;
      }
      node.first = Math.min(node.first, place);
    }
    if (below) (node.below ??= []).push(place);
    else (node.exact ??= []).push(place);
  }

  #rootFor(host: string | null): Node {
    if (host === null) return (this.#anyHost ??= emptyNode());
    const [map, key] = host.startsWith('*.')
      ? ([this.#suffixes, host.slice(1)] as const)
      : ([this.#hosts, host] as const);
    let root = map.get(key);
    if (!root) map.set(key, (root = emptyNode()));
    return root;
  }

  /** The lowest place that matches host and path and that `judge` takes; -1 where there is none. */
  find<R>(host: string, path: string, { judge, request }: { judge: Judge<R>; request: R }): number {
    let best = Infinity;
    const exact = this.#hosts.get(host);
    if (exact) best = lowest(exact, { path, judge, request }, 1, best);
    if (this.#suffixes.size > 0) {
      for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
        const root = this.#suffixes.get(host.slice(dot));
        if (root && root.first < best) best = lowest(root, { path, judge, request }, 1, best);
      }
    }
    if (this.#anyHost && this.#anyHost.first < best)
      best = lowest(this.#anyHost, { path, judge, request }, 1, best);
    return best === Infinity ? -1 : best;
  }

  /** Up to `most` places whose host and template match every request that these match. */
  covering(host: string | null, template: PathTemplate, most: number): number[] {
    const roots: Node[] = [];
    const add = (root: Node | null | undefined) => root && roots.push(root);
    if (host !== null) {
      if (!host.startsWith('*.')) add(this.#hosts.get(host));
      for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1))
        add(this.#suffixes.get(host.slice(dot)));
    }
    add(this.#anyHost);
    const found: number[] = [];
    const take = (places: readonly number[] | null) => {
      if (places) found.push(...places.slice(0, most - found.length));
    };
    const collect = (node: Node, at: number) => {
      take(node.below);
      if (at === template.segments.length) return template.below ? undefined : take(node.exact);
      const segment = template.segments[at]!;
      const child = segment === null ? null : node.children?.get(segment);
      if (child) collect(child, at + 1);
      if (segment !== '' && node.parameter) collect(node.parameter, at + 1);
    };
    for (const root of roots) collect(root, 0);
    return found;
  }
}

interface Search<R> {
  readonly path: string;
  readonly judge: Judge<R>;
  readonly request: R;
}

/** `from` is where the next segment begins; beyond the path's end there is none. */
function lowest<R>(node: Node, search: Search<R>, from: number, found: number): number {
  const { path } = search;
  let best = node.below ? firstTaken(node.below, search, found) : found;
  if (from > path.length) return node.exact ? firstTaken(node.exact, search, best) : best;
  if (!node.children && !node.parameter) return best;
  const slash = path.indexOf('/', from);
  const end = slash < 0 ? path.length : slash;
  const child = node.children?.get(path.slice(from, end));
  if (child && child.first < best) best = lowest(child, search, end + 1, best);
  const { parameter } = node;
  if (parameter && parameter.first < best && end > from) best = lowest(parameter, search, end + 1, best);
  return best;
}

function firstTaken<R>(places: readonly number[], { judge, request }: Search<R>, found: number): number {
  for (let i = 0; i < places.length && places[i]! < found; i++)
    if (judge(places[i]!, request)) return places[i]!;
  return found;
}
