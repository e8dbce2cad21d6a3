import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Next, pageOf, PageQuery } from './page.ts';
import { Anything, closed, Id, Instant, Name, orNull } from './shapes.ts';

const Wish = Type.Object(
  {
    name: Name,
    expiresAtMs: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))),
    leasePercent: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  },
  closed,
);
const Invitation = Type.Object({
  id: Type.String(),
  name: Type.String(),
  madeAtMs: Instant,
  expiresAtMs: orNull(Instant),
  revoked: Type.Boolean(),
  leasePercent: Type.Integer(),
  nodeId: orNull(Type.String()),
});

/** The nodes of this gateway, and who may join it as an edge. A token is shown once, when it is made. */
export function serveNodes(app: FastifyInstance, { nodes }: Pick<ControlPlane, 'nodes'>): void {
  const read = { permission: 'nodes.read' } as const;
  const write = { permission: 'nodes.write' } as const;
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/nodes',
    {
      config: read,
      schema: {
        summary: 'Nodes that were heard of: version, configuration in force, lag, when last',
        querystring: PageQuery,
        answer: Type.Object({ nodes: Type.Array(Anything), next: Next }),
      },
    },
    async ({ query }) => {
      const { page, next } = pageOf(await nodes.list(), query, ({ id }) => id);
      return { nodes: page, ...next };
    },
  );
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/nodes/invitations',
    {
      config: read,
      schema: {
        summary: 'What lets edge nodes join, without tokens',
        querystring: PageQuery,
        answer: Type.Object({ invitations: Type.Array(Invitation), next: Next }),
      },
    },
    async ({ query }) => {
      const { page, next } = pageOf(await nodes.invitations(), query, ({ id }) => id);
      return { invitations: page, ...next };
    },
  );
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/nodes/invitations',
    {
      config: write,
      schema: {
        summary: 'Lets one edge node join; its token is in this answer only',
        body: Wish,
        status: 201,
        answer: Type.Object({ invitation: Invitation, token: Type.String() }),
      },
    },
    async (request, reply) => reply.code(201).send(await nodes.invite(request.body)),
  );
  app.delete<{ Params: Static<typeof Id> }>(
    '/v1/nodes/invitations/:id',
    { config: write, schema: { summary: 'Its token lets nobody in any more', params: Id } },
    async (request, reply) => {
      await nodes.revoke(request.params.id);
      return reply.code(204).send();
    },
  );
}
