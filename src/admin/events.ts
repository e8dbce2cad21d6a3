import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

const name = Type.String({ minLength: 1, maxLength: 128 });
const Name = Type.Object({ name }, { additionalProperties: false });
const LetterId = Type.Object(
  { id: Type.String({ pattern: '^[1-9]\\d{0,14}$' }) },
  { additionalProperties: false },
);
const LetterQuery = Type.Object({ webhook: Type.Optional(name) }, { additionalProperties: false });

/** Who is told of what happens, how that fares, and what was given up. */
export function serveEvents(app: FastifyInstance, { events }: ControlPlane): void {
  app.get(
    '/v1/events/webhooks',
    { schema: { summary: 'Webhooks, and how far each of them is' } },
    async () => ({
      webhooks: await events.webhooks(),
    }),
  );
  app.post<{ Params: Static<typeof Name> }>(
    '/v1/events/webhooks/:name/resume',
    { schema: { summary: 'Delivers again to a webhook that was stopped (410)', params: Name } },
    async (request, reply) => {
      await events.resume(request.params.name);
      return reply.code(204).send();
    },
  );
  app.get<{ Querystring: Static<typeof LetterQuery> }>(
    '/v1/events/dead-letters',
    {
      schema: {
        summary: 'Events that were given up, the latest first; at most 1,000',
        querystring: LetterQuery,
      },
    },
    async (request) => ({ deadLetters: await events.letters(request.query.webhook ?? null) }),
  );
  app.post<{ Params: Static<typeof LetterId> }>(
    '/v1/events/dead-letters/:id/redeliver',
    { schema: { summary: 'Sends one once more; it is gone when it was taken', params: LetterId } },
    async (request, reply) => {
      await events.redeliver(Number(request.params.id));
      return reply.code(204).send();
    },
  );
  app.delete<{ Params: Static<typeof LetterId> }>(
    '/v1/events/dead-letters/:id',
    { schema: { summary: 'Throws one away', params: LetterId } },
    async (request, reply) => {
      await events.discard(Number(request.params.id));
      return reply.code(204).send();
    },
  );
}
