import type { Dialect } from '#core/contracts/dialect.ts';
import type { Asked } from './operation-index.ts';
import type { Passage } from './passage.ts';

/** Path below the route's prefix. */
export function operationPath(passage: Passage): string {
  const { route } = passage.route;
  const { path } = passage.exchange.head;
  if (route.kind !== 'llm' || route.stripPrefix === '' || !path.startsWith(`${route.stripPrefix}/`))
    return path;
  return path.slice(route.stripPrefix.length);
}

/**
 * What an LLM route is asked for: the path decides; where dialects share it, the head does. Null when no dialect has
 * such a path.
 */
export function findOperation(passage: Passage): Asked | null {
  const { head } = passage.exchange;
  const found = passage.gateway.operations.find(head.method, operationPath(passage), head.query);
  if (found.length < 2) return found[0] ?? null;
  return found.find(({ dialect }) => dialect.client.recognizes(head)) ?? found[0]!;
}

/** The dialect in which a client of an LLM route understands errors; null on other routes. */
export function clientDialect(passage: Passage): Dialect | null {
  const { exchange, gateway, route } = passage;
  // Before a part is chosen the first stands for all: they lead to models, or none does.
  if (route.parts) return clientDialect({ ...passage, route: route.parts[0]!.compiled });
  if (route.route.kind !== 'llm') return null;
  const asked = findOperation(passage);
  if (asked) return asked.dialect;
  const family = gateway.operations.familyOf(operationPath(passage));
  if (family) return family;
  for (const dialect of gateway.dialects.values()) {
    if (dialect.client.recognizes(exchange.head)) return dialect;
  }
  return gateway.dialects.values().next().value ?? null;
}
