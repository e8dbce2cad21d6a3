import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { ControlError, type ControlPlane } from '#core/contracts/control-plane.ts';
import { resourceKinds, type Resource, type ResourceKind } from '#core/contracts/resource-control.ts';
import { isWithin, type Permission, type Reach } from '#core/principal.ts';
import { Next, pageOf, PageQuery } from './page.ts';
import { sendProblem } from './problem.ts';
import { Change, closed, Name, orNull } from './shapes.ts';

const Place = Type.Object({ name: Name }, closed);
const ChangeQuery = Type.Object(
  { dryRun: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])) },
  closed,
);
const RouteQuery = Type.Object(
  {
    ...ChangeQuery.properties,
    before: Type.Optional(
      Type.String({
        maxLength: 128,
        description: 'Of a new route: the one that it comes before (the last).',
      }),
    ),
  },
  closed,
);
const condition = (description: string) => Type.Optional(Type.String({ maxLength: 128, description }));
const Conditions = Type.Object({
  'if-match': condition('Its ETag, to change or remove it.'),
  'if-none-match': condition('`*`, to make a new one.'),
});
const Value = Type.Record(Type.String(), Type.Unknown());
const Read = Type.Object({ name: Type.String(), value: Type.Unknown() });
const Listed = Type.Object({
  resources: Type.Array(Type.Object({ name: Type.String(), etag: Type.String(), value: Type.Unknown() })),
  next: Next,
});
const Changed = Type.Object({
  dryRun: Type.Boolean(),
  master: Type.String(),
  changes: Type.Array(Change),
  version: orNull(Type.Integer()),
  refusal: orNull(Type.String()),
});

interface Permissions {
  readonly read: Permission;
  readonly write: Permission;
}

/** What is of a team can be had for it; teams themselves are made by whoever writes the configuration. */
const permissionsOf = (kind: ResourceKind): Permissions => {
  if (kind === 'teams') return { read: 'projects.read', write: 'config.write' };
  const isOfTeam = kind === 'projects' || kind === 'consumers' || kind === 'keys';
  return isOfTeam
    ? { read: 'projects.read', write: 'projects.write' }
    : { read: 'config.read', write: 'config.write' };
};

/** Parts of the configuration document, one by one. */
export function serveResources(app: FastifyInstance, control: Pick<ControlPlane, 'resources'>): void {
  for (const kind of resourceKinds) serveKind(app, control, kind);
}

interface Asked {
  Params: Static<typeof Place>;
  Querystring: Static<typeof RouteQuery>;
  Body: Static<typeof Value>;
}

function serveKind(
  app: FastifyInstance,
  { resources }: Pick<ControlPlane, 'resources'>,
  kind: ResourceKind,
): void {
  const { read, write } = permissionsOf(kind);
  const path = `/v1/config/${kind}`;
  const querystring = kind === 'routes' ? RouteQuery : ChangeQuery;

  /** Another team's is not there. @throws ControlError 404. */
  function find(name: string, reach: Reach): Resource {
    const found = resources.read(kind, name);
    if (!found || !isReached(found.team, reach)) throw new ControlError(404, `There is no ${kind}.${name}.`);
    return found;
  }

  async function change(request: FastifyRequest<Asked>, reply: FastifyReply, value: unknown) {
    const { params, query, reach, principal, headers } = request;
    const match = conditionOf(headers);
    if (match === undefined)
      return sendProblem(
        reply,
        428,
        'Say which one you have seen, as If-Match with its ETag, or "If-None-Match: *" for a new one.',
      );
    if (match !== null) find(params.name, reach);
    else if (resources.read(kind, params.name)) find(params.name, reach);
    if (value !== undefined && !isReached(resources.teamOf(kind, params.name, value), reach))
      throw new ControlError(
        403,
        `Your role does not reach the team that ${kind}.${params.name} would be of.`,
      );
    const { etag, ...changed } = await resources.change({
      ...{ kind, name: params.name, value, match },
      ...(query.before === undefined ? {} : { before: query.before }),
      mayRefer: reach === 'all',
      dryRun: query.dryRun === 'true',
      author: principal!.name,
    });
    if (etag !== null) reply.header('etag', etag);
    return reply.send(changed);
  }

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    path,
    {
      config: { permission: read },
      schema: { summary: `${kind} of the configuration`, querystring: PageQuery, answer: Listed },
    },
    ({ query, reach }) => {
      const own = resources.list(kind).filter(({ team }) => isReached(team, reach));
      const { page, next } = pageOf(own, query, ({ name }) => name);
      return { resources: page.map(({ name, etag, value }) => ({ name, etag, value })), ...next };
    },
  );
  app.get<{ Params: Static<typeof Place> }>(
    `${path}/:name`,
    {
      config: { permission: read },
      schema: { summary: `One of ${kind}, with its ETag; secrets are hidden`, params: Place, answer: Read },
    },
    ({ params, reach }, reply) => {
      const { name, value, etag } = find(params.name, reach);
      return reply.header('etag', etag).send({ name, value });
    },
  );
  app.put<Asked>(
    `${path}/:name`,
    {
      config: { permission: write },
      schema: {
        summary: `Makes or changes one of ${kind}; the whole document is checked`,
        ...{ params: Place, querystring, headers: Conditions, body: Value, answer: Changed },
      },
    },
    (request, reply) => {
      const { body, params } = request;
      if (kind !== 'routes') return change(request, reply, body);
      if (body['name'] !== undefined && body['name'] !== params.name)
        throw new ControlError(400, `name: expected "${params.name}", as in the path`);
      return change(request, reply, { name: params.name, ...body });
    },
  );
  app.delete<Asked>(
    `${path}/:name`,
    {
      config: { permission: write },
      schema: {
        summary: `Removes one of ${kind}; the whole document is checked`,
        ...{ params: Place, querystring, headers: Conditions, answer: Changed },
      },
    },
    (request, reply) => change(request, reply, undefined),
  );
}

const isReached = (team: string | null, reach: Reach): boolean =>
  reach === 'all' || (team !== null && isWithin(reach, team));

/** The ETag that must be there; null: nothing may be there; undefined: it is not said. */
function conditionOf(headers: FastifyRequest['headers']): string | null | undefined {
  if (headers['if-match'] !== undefined) return headers['if-match'];
  return headers['if-none-match'] === '*' ? null : undefined;
}
