import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

export function serveDiscovery(app: FastifyInstance, control: ControlPlane): void {
  const schema = {
    summary: 'Groups of upstreams that are discovered or checked: members, last answers, errors',
  };
  app.get('/v1/discovery', { schema }, () => control.discovery());
}
