import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { pageFields, pageOf, PageQuery, Next } from './page.ts';
import { Anything } from './shapes.ts';

const name = Type.String({ minLength: 1, maxLength: 128 });
const Name = Type.Object({ name }, { additionalProperties: false });
const LetterId = Type.Object(
  { id: Type.String({ pattern: '^[1-9]\\d{0,14}$' }) },
  { additionalProperties: false },
);
const LetterQuery = Type.Object(
  { webhook: Type.Optional(name), ...pageFields },
  { additionalProperties: false },
);
const Webhooks = Type.Object({ webhooks: Type.Array(Anything), next: Next });
const Letters = Type.Object({ deadLetters: Type.Array(Anything), next: Next });

/** Who is told of what happens, how that fares, and what was given up. */
export function serveEvents(app: FastifyInstance, { events }: ControlPlane): void {
  const read = { permission: 'events.read' } as const;
  const write = { permission: 'events.write' } as const;
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/events/webhooks',
    {
      config: read,
      schema: {
        summary: 'Webhooks, and how far each of them is',
        querystring: PageQuery,
        answer: Webhooks,
      },
    },
    async ({ query }) => {
      const { page, next } = pageOf(await events.webhooks(), query, ({ webhook }) => webhook);
      return { webhooks: page, ...next };
    },
  );
  app.post<{ Params: Static<typeof Name> }>(
    '/v1/events/webhooks/:name/resume',
    {
      config: write,
      schema: { summary: 'Delivers again to a webhook that was stopped (410)', params: Name },
    },
    async (request, reply) => {
      await events.resume(request.params.name);
      return reply.code(204).send();
    },
  );
  app.get<{ Querystring: Static<typeof LetterQuery> }>(
    '/v1/events/dead-letters',
    {
      config: read,
      schema: {
        summary: 'Events that were given up, the latest first; at most 1,000',
        querystring: LetterQuery,
        answer: Letters,
      },
    },
    async ({ query }) => {
      const letters = await events.letters(query.webhook ?? null);
      const { page, next } = pageOf(letters, query, ({ id }) => String(id));
      return { deadLetters: page, ...next };
    },
  );
  app.post<{ Params: Static<typeof LetterId> }>(
    '/v1/events/dead-letters/:id/redeliver',
    {
      config: write,
      schema: { summary: 'Sends one once more; it is gone when it was taken', params: LetterId },
    },
    async (request, reply) => {
      await events.redeliver(Number(request.params.id));
      return reply.code(204).send();
    },
  );
  app.delete<{ Params: Static<typeof LetterId> }>(
    '/v1/events/dead-letters/:id',
    { config: write, schema: { summary: 'Throws one away', params: LetterId } },
    async (request, reply) => {
      await events.discard(Number(request.params.id));
      return reply.code(204).send();
    },
  );
}
