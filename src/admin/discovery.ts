import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything, orNull, TextList } from './shapes.ts';

const Answer = Type.Array(
  Type.Object({
    group: Type.String(),
    members: TextList,
    discovery: orNull(Anything),
    checks: Type.Array(Anything),
  }),
);

export function serveDiscovery(app: FastifyInstance, control: ControlPlane): void {
  const schema = {
    summary: 'Groups of upstreams that are discovered or checked: members, last answers, errors',
    answer: Answer,
  };
  app.get('/v1/discovery', { config: { permission: 'traffic.read' }, schema }, () => control.discovery());
}
