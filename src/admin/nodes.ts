import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

const name = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

const Wish = Type.Object(
  {
    name,
    expiresAtMs: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()]),
    ),
    leasePercent: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
  },
  { additionalProperties: false },
);

const Id = Type.Object({ id: name }, { additionalProperties: false });

/** The nodes of this gateway, and who may join it as an edge. A token is shown once, when it is made. */
export function serveNodes(app: FastifyInstance, { nodes }: Pick<ControlPlane, 'nodes'>): void {
  const list = { summary: 'Nodes that were heard of: version, configuration in force, lag, when last' };
  app.get('/v1/nodes', { schema: list }, async () => ({ nodes: await nodes.list() }));
  app.get(
    '/v1/nodes/invitations',
    { schema: { summary: 'What lets edge nodes join, without tokens' } },
    async () => ({ invitations: await nodes.invitations() }),
  );
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/nodes/invitations',
    { schema: { summary: 'Lets one edge node join; its token is in this answer only', body: Wish } },
    async (request, reply) => reply.code(201).send(await nodes.invite(request.body)),
  );
  app.delete<{ Params: Static<typeof Id> }>(
    '/v1/nodes/invitations/:id',
    { schema: { summary: 'Its token lets nobody in any more', params: Id } },
    async (request, reply) => {
      await nodes.revoke(request.params.id);
      return reply.code(204).send();
    },
  );
}
