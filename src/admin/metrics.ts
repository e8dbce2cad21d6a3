import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

/** Without a token, as scrapers expect it: the listener is on loopback unless the operator decides otherwise. */
export function serveMetrics(app: FastifyInstance, control: ControlPlane): void {
  const schema = { summary: 'Prometheus text exposition over all threads', answerType: 'text/plain' };
  app.get('/metrics', { config: { open: true }, schema }, async ({ headers }, reply) => {
    const { contentType, text } = await control.metrics(headers.accept);
    return reply.type(contentType).send(text);
  });
}
