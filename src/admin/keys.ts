import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { ControlError, type ControlPlane, type KeyView } from '#core/contracts/control-plane.ts';
import { isWithin, type Reach } from '#core/principal.ts';
import { Next, pageOf, PageQuery } from './page.ts';
import { closed, Id, Instant, Name, orNull, TextList } from './shapes.ts';

const Groups = Type.Array(Name, { maxItems: 100 });
const Wish = Type.Object(
  {
    name: Name,
    project: Name,
    models: Type.Optional(orNull(Type.Array(Name, { maxItems: 1000 }))),
    expiresAtMs: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))),
    groups: Type.Optional(Groups),
  },
  closed,
);
const Change = Type.Object(
  {
    name: Type.Optional(Name),
    models: Wish.properties.models,
    expiresAtMs: Wish.properties.expiresAtMs,
    groups: Type.Optional(Groups),
  },
  { ...closed, minProperties: 1 },
);
const Rotation = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 31 * 86_400,
        description: 'For how long the secret before stays in force (0: no longer).',
      }),
    ),
  },
  closed,
);
const IfMatch = Type.Object({ 'if-match': Type.Optional(Type.String({ maxLength: 128 })) });
const Key = Type.Object({
  id: Type.String(),
  name: Type.String(),
  project: Type.String(),
  team: Type.String(),
  models: orNull(TextList),
  groups: TextList,
  expiresAtMs: orNull(Instant),
  createdAtMs: Instant,
  master: Type.Union([Type.Literal('file'), Type.Literal('store')]),
  revoked: Type.Boolean(),
  previousUntilMs: Type.Optional(Instant),
});

/** Credentials of consumers. A secret is shown once, when it is made. */
export function serveKeys(
  app: FastifyInstance,
  { keys, teamOf }: Pick<ControlPlane, 'keys' | 'teamOf'>,
): void {
  const write = { permission: 'keys.write' } as const;
  /** Another team's is not there. @throws ControlError 404. */
  function find(id: string, reach: Reach): KeyView {
    const key = keys.list().find((each) => each.id === id);
    if (!key || !isWithin(reach, key.team)) throw new ControlError(404, `There is no key "${id}".`);
    return key;
  }
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
  app.get<{ Params: Static<typeof Id> }>(
    '/v1/keys/:id',
    {
      config: { permission: 'keys.read' },
      schema: { summary: 'One key, with its ETag', params: Id, answer: Key },
    },
    ({ params, reach }, reply) => {
      const key = find(params.id, reach);
      return reply.header('etag', etagOf(key)).send(key);
    },
  );
  app.patch<{ Params: Static<typeof Id>; Body: Static<typeof Change> }>(
    '/v1/keys/:id',
    {
      config: write,
      schema: {
        summary: 'Changes name, models, expiry or groups; answers when every thread knows',
        ...{ params: Id, headers: IfMatch, body: Change, answer: Key },
      },
    },
    async ({ params, reach, body, headers }, reply) => {
      const etag = etagOf(find(params.id, reach));
      const asked = headers['if-match'];
      if (asked !== undefined && asked !== etag)
        throw new ControlError(412, `The key has changed meanwhile: its ETag is ${etag}.`);
      const key = await keys.change(params.id, body);
      return reply.header('etag', etagOf(key)).send(key);
    },
  );
  app.post<{ Params: Static<typeof Id>; Body: Static<typeof Rotation> }>(
    '/v1/keys/:id/rotate',
    {
      config: write,
      schema: {
        summary: 'Gives a key another secret, in this answer only; the one before may stay for a while',
        ...{ params: Id, body: Rotation, answer: Type.Object({ key: Key, secret: Type.String() }) },
      },
    },
    ({ params, reach, body }) => {
      find(params.id, reach);
      return keys.rotate(params.id, (body.overlapSeconds ?? 0) * 1000);
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

const etagOf = (key: KeyView): string => `"${hash('sha256', JSON.stringify(key), 'hex').slice(0, 32)}"`;
