import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

/** How estimates relate to what was used: what limits reserve goes by it. */
export function serveCalibration(app: FastifyInstance, control: ControlPlane): void {
  const summary =
    'What calls to each model are expected to use, as learnt from settled traffic since the start';
  app.get('/v1/calibration', { schema: { summary } }, () => ({ models: control.calibration() }));
}
