import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

export function serveStatus(app: FastifyInstance, control: ControlPlane): void {
  app.get('/v1/status', { schema: { summary: 'Version, workers, configuration in force, ledger' } }, () =>
    control.status(),
  );
}
