import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { permissions } from '#core/principal.ts';
import { Next, pageOf, PageQuery } from './page.ts';
import { closed, Grant, Id, Instant, Name, orNull } from './shapes.ts';

const Scopes = Type.Array(Type.Union(permissions.map((permission) => Type.Literal(permission))));
const Wish = Type.Object(
  {
    name: Name,
    user: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'For whom (for oneself).' }),
    ),
    roles: Type.Optional(Type.Array(Grant, { minItems: 1, maxItems: 100 })),
    scopes: Type.Optional(Scopes),
    expiresAtMs: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  },
  closed,
);
const Token = Type.Object({
  id: Type.String(),
  name: Type.String(),
  kind: Type.Union([Type.Literal('token'), Type.Literal('session')]),
  owner: Type.String(),
  ownerName: Type.String(),
  maker: Type.String(),
  roles: orNull(Type.Array(Grant)),
  scopes: orNull(Type.Array(Type.String())),
  madeAtMs: Instant,
  expiresAtMs: Instant,
  revoked: Type.Boolean(),
});

/** Personal tokens and sessions of this API. One sees one's own; owners, everybody's. */
export function serveTokens(app: FastifyInstance, { access }: Pick<ControlPlane, 'access'>): void {
  const config = { permission: 'self' } as const;
  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/v1/tokens',
    {
      config,
      schema: {
        summary: "One's own tokens and sessions, or everybody's, without secrets",
        querystring: PageQuery,
        answer: Type.Object({ tokens: Type.Array(Token), next: Next }),
      },
    },
    async ({ principal, query }) => {
      const { page, next } = pageOf(await access.tokens.list(principal!), query, ({ id }) => id);
      return { tokens: page, ...next };
    },
  );
  app.post<{ Body: Static<typeof Wish> }>(
    '/v1/tokens',
    {
      config,
      schema: {
        summary: 'Makes a token, which never has more than its maker; its secret is in this answer only',
        body: Wish,
        status: 201,
        answer: Type.Object({ token: Token, secret: Type.String() }),
      },
    },
    async ({ principal, body }, reply) => reply.code(201).send(await access.tokens.create(principal!, body)),
  );
  app.delete<{ Params: Static<typeof Id> }>(
    '/v1/tokens/:id',
    { config, schema: { summary: 'Revokes a token or ends a session, at once', params: Id } },
    async ({ principal, params }, reply) => {
      await access.tokens.revoke(principal!, params.id);
      return reply.code(204).send();
    },
  );
}
