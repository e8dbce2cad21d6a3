import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything } from './shapes.ts';

const Answer = Type.Object({ models: Type.Array(Anything) });

/** How estimates relate to what was used: what limits reserve goes by it. */
export function serveCalibration(app: FastifyInstance, control: ControlPlane): void {
  const summary =
    'What calls to each model are expected to use, as learnt from settled traffic since the start';
  app.get(
    '/v1/calibration',
    { config: { permission: 'traffic.read' }, schema: { summary, answer: Answer } },
    () => ({ models: control.calibration() }),
  );
}
