import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

/** Probes: no token, any host, no secrets. */
export function serveHealth(app: FastifyInstance, control: ControlPlane): void {
  const config = { open: true, anyHost: true };
  app.get('/healthz', { config, schema: { summary: 'The process lives' } }, () => ({ status: 'alive' }));
  app.get('/readyz', { config, schema: { summary: 'Ready for traffic; 503 says why not' } }, (_, reply) => {
    const { ready, reasons } = control.status();
    return reply.code(ready ? 200 : 503).send({ ready, reasons });
  });
}
