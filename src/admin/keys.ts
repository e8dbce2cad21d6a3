import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

const name = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

const Wish = Type.Object(
  {
    name,
    project: name,
    models: Type.Optional(Type.Union([Type.Array(name, { maxItems: 1000 }), Type.Null()])),
    expiresAtMs: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
);

const Id = Type.Object({ id: name }, { additionalProperties: false });

/** Credentials of consumers. A secret is shown once, when it is made. */
export function serveKeys(app: FastifyInstance, control: ControlPlane): void {
  app.get('/v1/keys', { schema: { summary: 'All keys, without secrets' } }, () => ({
    keys: control.keys.list(),
  }));
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/keys',
    { schema: { summary: 'Makes a key; its secret is in this answer only', body: Wish } },
    async (request, reply) => reply.code(201).send(await control.keys.create(request.body)),
  );
  app.delete<{ Params: Static<typeof Id> }>(
    '/v1/keys/:id',
    { schema: { summary: 'Revokes a key; answers when every thread refuses it', params: Id } },
    async (request, reply) => {
      await control.keys.revoke(request.params.id);
      return reply.code(204).send();
    },
  );
}
