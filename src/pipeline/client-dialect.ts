import type { Dialect } from '#core/contracts/dialect.ts';
import type { OperationOwner } from './gateway.ts';
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
 * What an LLM route is asked for: the path decides; where dialects share it, the headers do. Null when no dialect has
 * such a path.
 */
export function findOperation(
  passage: Passage,
): (OperationOwner & { readonly parameter: string | null }) | null {
  const { exchange, gateway } = passage;
  const path = operationPath(passage);
  let parameter: string | null = null;
  let owners = gateway.operations.get(`${exchange.head.method} ${path}`);
  if (!owners) {
    const slash = path.lastIndexOf('/');
    parameter = decodeURIComponent(path.slice(slash + 1));
    owners = gateway.operations.get(`${exchange.head.method} ${path.slice(0, slash)}/:model`);
  }
  if (!owners) return null;
  const owner = owners.find((o) => o.dialect.client.recognizes(exchange.head.headers)) ?? owners[0]!;
  return { ...owner, parameter };
}

/** The dialect in which a client of an LLM route understands errors; null on other routes. */
export function clientDialect(passage: Passage): Dialect | null {
  const { exchange, gateway, route } = passage;
  // Before a part is chosen the first stands for all: they lead to models, or none does.
  if (route.parts) return clientDialect({ ...passage, route: route.parts[0]!.compiled });
  if (route.route.kind !== 'llm') return null;
  const owner = findOperation(passage);
  if (owner) return owner.dialect;
  for (const dialect of gateway.dialects.values()) {
    if (dialect.client.recognizes(exchange.head.headers)) return dialect;
  }
  return gateway.dialects.values().next().value ?? null;
}
