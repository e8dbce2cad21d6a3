import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { sendProblem } from './problem.ts';

const Document = Type.Object({ text: Type.String() }, { additionalProperties: false });

/** The configuration is read and tried here, and changed only where it is kept. */
export function serveConfig(app: FastifyInstance, control: ControlPlane): void {
  app.get('/v1/config', { schema: { summary: 'The document in force, as it was written' } }, (_, reply) => {
    const config = control.config.read();
    return reply.header('etag', `"${config.digest}"`).send(config);
  });
  app.post<{ Body: Static<typeof Document> }>(
    '/v1/config/check',
    { schema: { summary: 'Validates a document without using it', body: Document } },
    (request) => {
      const findings = control.config.check(request.body.text);
      return { valid: findings.length === 0, findings };
    },
  );
  app.put(
    '/v1/config',
    { schema: { summary: 'Refused: the configuration is changed where it is kept' } },
    (_, reply) => {
      const { path } = control.config.read();
      reply.header('allow', 'GET, HEAD');
      return sendProblem(
        reply,
        405,
        path === null
          ? 'There is no configuration file: the environment is the configuration. Start the gateway with --config to have one.'
          : `The configuration is mastered by its file (${path}): change it there; the gateway takes it up by itself.`,
      );
    },
  );
}
