import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { ControlError, type ControlPlane } from '#core/contracts/control-plane.ts';
import { isWithin, type Reach } from '#core/principal.ts';
import { Next, pageOf, PageQuery } from './page.ts';
import { closed, Id, Instant, Name, orNull, TextList } from './shapes.ts';

const Wish = Type.Object(
  {
    name: Name,
    project: Name,
    models: Type.Optional(orNull(Type.Array(Name, { maxItems: 1000 }))),
    expiresAtMs: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))),
  },
  closed,
);
const Key = Type.Object({
  id: Type.String(),
  name: Type.String(),
  project: Type.String(),
  team: Type.String(),
  models: orNull(TextList),
  expiresAtMs: orNull(Instant),
  createdAtMs: Instant,
  master: Type.Union([Type.Literal('file'), Type.Literal('store')]),
  revoked: Type.Boolean(),
});

/** Credentials of consumers. A secret is shown once, when it is made. */
export function serveKeys(app: FastifyInstance, { keys, teamOf }: Pick<ControlPlane, 'keys' | 'teamOf'>): void {
  const write = { permission: 'keys.write' } as const;
  /** Another team's is not there. @throws ControlError 404. */
  const find = (id: string, reach: Reach) => {
    const key = keys.list().find((each) => each.id === id);
    if (reach !== 'all' && !(key && reach.has(key.team)))
      throw new ControlError(404, `There is no key "${id}".`);
  };
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/keys',
    {
      config: { permission: 'keys.read' },
      schema: {
        summary: 'Keys, without secrets',
        querystring: PageQuery,
        answer: Type.Object({ keys: Type.Array(Key), next: Next }),
      },
    },
    ({ query, reach }) => {
      const own = keys.list().filter(({ team }) => isWithin(reach, team));
      const { page, next } = pageOf(own, query, ({ id }) => id);
      return { keys: page, ...next };
    },
  );
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/keys',
    {
      config: write,
      schema: {
        summary: 'Makes a key; its secret is in this answer only',
        body: Wish,
        status: 201,
        answer: Type.Object({ key: Key, secret: Type.String() }),
      },
    },
    async ({ body, reach }, reply) => {
      const team = teamOf(body.project);
      if (reach !== 'all' && (team === null || !reach.has(team)))
        throw new ControlError(400, `There is no project "${body.project}".`);
      return reply.code(201).send(await keys.create(body));
    },
  );
  app.delete<{ Params: Static<typeof Id> }>(
    '/v1/keys/:id',
    { config: write, schema: { summary: 'Revokes a key; answers when every thread refuses it', params: Id } },
    async ({ params, reach }, reply) => {
      find(params.id, reach);
      await keys.revoke(params.id);
      return reply.code(204).send();
    },
  );
}
