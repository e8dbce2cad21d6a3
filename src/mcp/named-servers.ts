import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';

/**
 * The servers that a call names by `MCP-Context`, each once; empty: none.
 * @throws Fault `access/tool` where the route does not grant one.
 */
export function namedServers(headers: HeaderList, granted: readonly string[]): readonly string[] {
  const named = (headerOf(headers, 'mcp-context') ?? '').split(',').map((name) => name.trim());
  const names = [...new Set(named)].filter((name) => name !== '');
  for (const name of names)
    if (!granted.includes(name))
      throw new Fault(
        'access/tool',
        `The server "${name.slice(0, 100)}" is not granted on this route (MCP-Context).`,
      );
  return names;
}
