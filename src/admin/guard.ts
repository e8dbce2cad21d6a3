import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { nodeHeader } from '#core/contracts/edge.ts';
import type { Invitation } from '#core/contracts/node-directory.ts';
import { reachOf, type Permission, type Principal, type Reach } from '#core/principal.ts';
import { bearerOf, type Authenticator } from './authenticator.ts';
import { sendProblem } from './problem.ts';

const nodeShape = /^[0-9A-Za-z]{16}$/;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What whoever asks must be allowed. */
    readonly permission?: Permission;
    /** No token is asked for. */
    readonly open?: boolean;
    /** The token of an edge node is asked for, and no other will do. */
    readonly edge?: boolean;
    /** Any Host is served, and as often as is asked: a probe names what it likes. */
    readonly anyHost?: boolean;
    /** A file for browsers, no operation of the API. */
    readonly page?: boolean;
    /** A page of another site may lead a browser here. */
    readonly fromElsewhere?: boolean;
  }
  interface FastifyRequest {
    /** Who asks, where the route is one of edge nodes. */
    edge: Invitation | null;
    /** Who asks. */
    principal: Principal | null;
    /** Who has signed in by it. */
    signedIn: Principal | null;
    /** The teams that the route's permission is had for. */
    reach: Reach;
  }
}

export interface GuardSettings {
  readonly authenticator: Authenticator;
  /** Null: it is not let in. */
  admitEdge(token: string, nodeId: string): Promise<Invitation | null>;
  /** Host names, besides loopback and IP addresses, under which the API may be reached. Lower case. */
  readonly hosts: readonly string[];
}

/** Who may ask it is said by every route; one that does not say it must not be served. */
export function requirePermissions(app: FastifyInstance): void {
  app.decorateRequest('edge', null);
  app.decorateRequest('principal', null);
  app.decorateRequest('signedIn', null);
  app.decorateRequest('reach', 'all');
  app.addHook('onRoute', ({ url, config = {} }) => {
    const said = [config.permission !== undefined, config.open === true, config.edge === true];
    if (said.filter(Boolean).length !== 1)
      throw new Error(`The route ${url} must say who may ask it: one of permission, open and edge.`);
  });
}

/**
 * Stands before every route, and before any body is read. A browser on this machine can be made to call us: by
 * another site (Origin, Sec-Fetch-Site), or under a name that was rebound to our address (Host).
 */
export function createGuard(settings: GuardSettings) {
  const { authenticator, hosts } = settings;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    const { open, edge, anyHost, permission, fromElsewhere } = request.routeOptions.config ?? {};
    if (!anyHost && !servesHost(request.headers.host ?? '', hosts)) {
      return sendProblem(
        reply,
        421,
        'The admin API is not served under this host name; use an IP address, localhost or a configured name.',
      );
    }
    if (isForeign(request) && !(fromElsewhere && isNavigation(request)))
      return sendProblem(reply, 403, 'Requests from other sites are refused.');
    if (edge) return admitEdge(request, reply, settings);
    if (open) return !anyHost && authenticator.holds(request, reply) ? reply : undefined;
    request.principal = await authenticator.identify(request, reply);
    if (!request.principal) return reply;
    // There is no route: who is somebody hears so.
    if (permission === undefined) return undefined;
    const reach = reachOf(request.principal, permission);
    if (reach === null)
      return sendProblem(reply, 403, `Your roles, or the scopes of your token, do not give "${permission}".`);
    request.reach = reach;
    return undefined;
  };
}

/** Known by its token and its id; a token lets in the node that it belongs to. */
async function admitEdge(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: GuardSettings,
): Promise<FastifyReply | undefined> {
  const { authorization, [nodeHeader]: nodeId } = request.headers;
  const secret = bearerOf(authorization);
  const isNode = typeof nodeId === 'string' && nodeShape.test(nodeId);
  const edge = await settings.authenticator.attempt({ request, reply, secret }, async () =>
    isNode ? settings.admitEdge(secret, nodeId) : null,
  );
  if (edge === 'held') return reply;
  if (edge) {
    request.edge = edge;
    request.principal = {
      ...{ id: `edge:${edge.nodeId}`, name: edge.name, via: 'edge' },
      ...{ roles: [], scopes: [], token: edge.id, expiresAtMs: edge.expiresAtMs },
    };
    return undefined;
  }
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

/** A browser goes there with its window; no script of another site can, nor read what comes. */
const isNavigation = ({ method, headers }: FastifyRequest): boolean =>
  method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers.origin === undefined;
