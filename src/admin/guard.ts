import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from './problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No token is asked for. */
    readonly open?: boolean;
    /** Any Host is served: a probe names what it likes. */
    readonly anyHost?: boolean;
  }
}

export interface GuardSettings {
  verifyToken(token: string): boolean;
  /** Host names, besides loopback and IP addresses, under which the API may be reached. Lower case. */
  readonly hosts: readonly string[];
}

/**
 * Stands before every route, and before any body is read. A browser on this machine can be made to call us: by
 * another site (Origin, Sec-Fetch-Site), or under a name that was rebound to our address (Host).
 */
export function createGuard(settings: GuardSettings) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    const { open, anyHost } = request.routeOptions.config ?? {};
    if (!anyHost && !servesHost(request.headers.host ?? '', settings.hosts)) {
      return sendProblem(
        reply,
        421,
        'The admin API is not served under this host name; use an IP address, localhost or a configured name.',
      );
    }
    if (isForeign(request)) return sendProblem(reply, 403, 'Requests from other sites are refused.');
    if (open || settings.verifyToken(bearerOf(request.headers.authorization))) return undefined;
    reply.header('www-authenticate', 'Bearer realm="sluice-admin"');
    return sendProblem(reply, 401, 'An admin token is needed: "Authorization: Bearer <token>".');
  };
}

export function servesHost(authority: string, hosts: readonly string[]): boolean {
  const name = authority.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  return name === 'localhost' || isIP(bare) !== 0 || (name !== '' && hosts.includes(name));
}

function isForeign({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

/** Empty when there is none; no token is empty. */
function bearerOf(header: string | undefined): string {
  return /^bearer +([^\s]+) *$/i.exec(header ?? '')?.[1] ?? '';
}
