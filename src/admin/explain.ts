import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything } from './shapes.ts';

const Question = Type.Object(
  {
    method: Type.String({ pattern: '^[A-Z-]{1,32}$' }),
    url: Type.String({ minLength: 1, maxLength: 8192 }),
    /** Names and values alternating. */
    headers: Type.Optional(Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 200 })),
    model: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])),
    /** Address of the client. */
    client: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    body: Type.Optional(Type.Union([Type.String({ maxLength: 262_144 }), Type.Null()])),
  },
  { additionalProperties: false },
);

export function serveExplain(app: FastifyInstance, control: ControlPlane): void {
  app.post<{ Body: Static<typeof Question> }>(
    '/v1/explain',
    {
      config: { permission: 'explain' },
      schema: { summary: 'What would happen to a request, and why', body: Question, answer: Anything },
    },
    ({ body }) =>
      control.explain({
        method: body.method,
        url: body.url,
        headers: body.headers ?? [],
        model: body.model ?? null,
        client: body.client ?? null,
        body: body.body ?? null,
      }),
  );
}
