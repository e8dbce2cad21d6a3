import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { TextList } from './shapes.ts';

const Alive = Type.Object({ status: Type.Literal('alive') });
const Ready = Type.Object({ ready: Type.Boolean(), reasons: TextList });

/** Probes: no token, any host, no secrets. */
export function serveHealth(app: FastifyInstance, control: ControlPlane): void {
  const config = { open: true, anyHost: true };
  app.get('/healthz', { config, schema: { summary: 'The process lives', answer: Alive } }, () => ({
    status: 'alive',
  }));
  const schema = { summary: 'Ready for traffic; 503 says why not', answer: Ready };
  app.get('/readyz', { config, schema }, (_, reply) => {
    const { ready, reasons } = control.status();
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });
}
