import type { Upstream } from '#core/contracts/upstream.ts';
import type { RemoteToolServer } from '#core/tool-server.ts';
import type { ToolEndpoint } from '#mcp/endpoint.ts';
import { originOf } from './origin-of.ts';

/** Where a server of tools is reached. */
export function toolEndpoint(server: RemoteToolServer, upstream: Upstream): ToolEndpoint {
  const { name, url, headers, tls, timeouts } = server;
  const { origin, host, pathPrefix } = originOf(url, { tls });
  return {
    name,
    upstream,
    origin,
    path: pathPrefix === '' ? '/' : pathPrefix,
    headers: ['host', host, ...headers],
    timeouts,
  };
}
