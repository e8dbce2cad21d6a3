import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nodeHeader } from '#core/contracts/edge.ts';
import type { Invitation } from '#core/contracts/node-directory.ts';
import { rootPrincipal, type Principal } from '#core/principal.ts';
import { sendProblem } from './problem.ts';

const nodeShape = /^[0-9A-Za-z]{16}$/;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No token is asked for. */
    readonly open?: boolean;
    /** The token of an edge node is asked for, and no other will do. */
    readonly edge?: boolean;
    /** Any Host is served: a probe names what it likes. */
    readonly anyHost?: boolean;
  }
  interface FastifyRequest {
    /** Who asks, where the route is one of edge nodes. */
    edge: Invitation | null;
    /** Who asks. */
    principal: Principal | null;
  }
}

export interface GuardSettings {
  verifyToken(token: string): boolean;
  /** Null: it is not let in. */
  admitEdge(token: string, nodeId: string): Promise<Invitation | null>;
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
    const { open, edge, anyHost } = request.routeOptions.config ?? {};
    if (!anyHost && !servesHost(request.headers.host ?? '', settings.hosts)) {
      return sendProblem(
        reply,
        421,
        'The admin API is not served under this host name; use an IP address, localhost or a configured name.',
      );
    }
    if (isForeign(request)) return sendProblem(reply, 403, 'Requests from other sites are refused.');
    if (edge) return admitEdge(request, reply, settings);
    if (open) return undefined;
    if (settings.verifyToken(bearerOf(request.headers.authorization))) {
      request.principal = rootPrincipal;
      return undefined;
    }
    reply.header('www-authenticate', 'Bearer realm="sluice-admin"');
    return sendProblem(reply, 401, 'An admin token is needed: "Authorization: Bearer <token>".');
  };
}

/** Known by its token and its id; a token lets in the node that it belongs to. */
async function admitEdge(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: GuardSettings,
): Promise<FastifyReply | undefined> {
  const { authorization, [nodeHeader]: nodeId } = request.headers;
  const token = bearerOf(authorization);
  if (token !== '' && typeof nodeId === 'string' && nodeShape.test(nodeId))
    request.edge = await settings.admitEdge(token, nodeId);
  if (request.edge) return undefined;
  reply.header('www-authenticate', 'Bearer realm="sluice-edge"');
  return sendProblem(
    reply,
    401,
    'The token of this edge node is needed. One that is unknown, revoked, expired or of another node lets nobody in: "sluice nodes invite" makes another.',
  );
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
