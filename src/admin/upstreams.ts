import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything } from './shapes.ts';

const name = Type.String({ minLength: 1, maxLength: 2048 });
const Wish = Type.Object(
  { group: name, member: name, drained: Type.Boolean() },
  { additionalProperties: false },
);

/** Servers and models' targets that can stand in for one another, and what is known of each. */
export function serveUpstreams(app: FastifyInstance, control: ControlPlane): void {
  const list = {
    summary: 'Groups with more than one member, or with health: state of each member',
    answer: Type.Object({ upstreams: Type.Array(Anything) }),
  };
  app.get('/v1/upstreams', { config: { permission: 'traffic.read' }, schema: list }, () => ({
    upstreams: control.upstreams.list(),
  }));
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/upstreams/drain',
    {
      config: { permission: 'traffic.write' },
      schema: {
        summary: 'Gives a member nothing new, or lets it take part again; until a restart',
        body: Wish,
      },
    },
    (request, reply) => {
      control.upstreams.drain(request.body);
      return reply.code(204).send();
    },
  );
}
