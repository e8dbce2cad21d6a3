import { Fault } from '#core/fault.ts';
import type { RequestHead } from '#core/head.ts';
import type { RouteMatch } from '#core/snapshot.ts';
import type { CompiledRoute } from './gateway.ts';

/**
 * The first route, in the order of the configuration, that matches.
 * @throws Fault `route/not-found`, or `route/method-not-allowed` when only the method kept routes from matching.
 */
export function findRoute(routes: readonly CompiledRoute[], head: RequestHead): CompiledRoute {
  const allowed: string[] = [];
  for (const compiled of routes) {
    const { match } = compiled.route;
    if (!matchesPath(match.path, head.path) || !matchesHost(match.host, head.host)) continue;
    if (match.methods === null || match.methods.includes(head.method)) return compiled;
    allowed.push(...match.methods);
  }
  if (allowed.length) {
    throw new Fault(
      'route/method-not-allowed',
      `${head.path} takes ${allowed.join(', ')}, not ${head.method}.`,
      {
        headers: ['allow', allowed.join(', ')],
      },
    );
  }
  throw new Fault('route/not-found', `No route matches ${head.method} ${head.host}${head.path}.`);
}

/** `/a/b` matches itself; `/a/**` matches `/a` and everything below it. */
export function matchesPath(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/**')) return pattern === path;
  const base = pattern.length - 3;
  if (!path.startsWith(pattern.slice(0, base))) return false;
  return path.length === base || path.charCodeAt(base) === 0x2f;
}

/** `*.example.com` matches one or more labels before `.example.com`. */
export function matchesHost(pattern: RouteMatch['host'], host: string): boolean {
  if (pattern === null) return true;
  if (!pattern.startsWith('*.')) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}
