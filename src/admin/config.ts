import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ConfigDifference, ControlPlane } from '#core/contracts/control-plane.ts';
import { reachOf, type Principal } from '#core/principal.ts';
import { Next } from './page.ts';
import { sendProblem } from './problem.ts';
import { Change, closed, Finding, Instant, orNull } from './shapes.ts';

const Document = Type.Object({ text: Type.String() }, closed);
const Application = Type.Object(
  {
    text: Type.String(),
    /** Kept with the version. */
    comment: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  closed,
);
const VersionsQuery = Type.Object(
  {
    limit: Type.Optional(Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$' })),
    cursor: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,8}$' })),
  },
  closed,
);
const Version = Type.Object({ version: Type.String({ pattern: '^[1-9]\\d{0,8}$' }) }, closed);
const lineFields = {
  version: Type.Integer(),
  digest: Type.String(),
  author: Type.String(),
  comment: Type.String(),
  madeAtMs: Instant,
};
const Read = Type.Object({
  text: Type.String(),
  digest: Type.String(),
  version: Type.Integer(),
  master: Type.String(),
  path: orNull(Type.String()),
  storedVersion: orNull(Type.Integer()),
});
const Verdict = Type.Object({ valid: Type.Boolean(), findings: Type.Array(Finding) });
const Differences = Type.Object({
  master: Type.String(),
  storedVersion: orNull(Type.Integer()),
  changes: Type.Array(Change),
});
const Applied = Type.Object({ ...lineFields, refusal: orNull(Type.String()) });
const Versions = Type.Object({ versions: Type.Array(Type.Object(lineFields)), next: Next });
const WholeVersion = Type.Object({ ...lineFields, text: Type.String() });

const IfMatch = Type.Object({ 'if-match': Type.Optional(Type.String({ maxLength: 128 })) });

const pageSize = 50;

/** The configuration is read and tried here; it is changed here where no file is its master. */
export function serveConfig(app: FastifyInstance, { config }: Pick<ControlPlane, 'config'>): void {
  const etagOf = ({ storedVersion, digest }: { storedVersion: number | null; digest: string }) =>
    `"${storedVersion ?? digest}"`;
  const reading = { permission: 'config.read' } as const;
  const writing = { permission: 'config.write' } as const;
  const read = { summary: 'The document in force, as it was written', answer: Read };
  app.get('/v1/config', { config: reading, schema: read }, (_, reply) => {
    const found = config.read();
    return reply.header('etag', etagOf(found)).send(found);
  });
  app.post<{ Body: Static<typeof Document> }>(
    '/v1/config/check',
    {
      config: writing,
      schema: { summary: 'Validates a document without using it', body: Document, answer: Verdict },
    },
    (request) => {
      const findings = config.check(request.body.text);
      return { valid: findings.length === 0, findings };
    },
  );
  app.post<{ Body: Static<typeof Document> }>(
    '/v1/config/diff',
    {
      config: reading,
      schema: {
        summary: 'What would change if a document were applied; secrets are hidden',
        body: Document,
        answer: Differences,
      },
    },
    (request) => {
      const { master, storedVersion } = config.read();
      return { master, storedVersion, changes: config.diff(request.body.text) };
    },
  );
  app.put<{ Body: Static<typeof Application> }>(
    '/v1/config',
    {
      config: writing,
      schema: {
        summary:
          'Applies a document after the version that If-Match names; refused where a file is the master',
        headers: IfMatch,
        body: Application,
        answer: Applied,
      },
    },
    async (request, reply) => {
      const { text, comment = '' } = request.body;
      const asked = request.headers['if-match'];
      const after = /^"(\d{1,9})"$/.exec(asked ?? '')?.[1];
      // What has no numbered versions is refused for that, whatever was asked.
      const isNumbered = config.read().storedVersion !== null;
      if (isNumbered && asked === undefined)
        return sendProblem(
          reply,
          428,
          'Say which version it comes after, as If-Match with the ETag of GET /v1/config: somebody else may have changed it meanwhile.',
        );
      if (isNumbered && after === undefined)
        return sendProblem(reply, 412, `${asked} is no version; the latest is ${etagOf(config.read())}.`);
      if (!mayChange(request.principal!, config.diff(text)))
        return sendProblem(
          reply,
          403,
          'Only an owner changes who may do what here: admin.users, admin.oidc, admin.limits.',
        );
      const made = await config.apply({
        ...{ text, comment, after: Number(after ?? 0) },
        author: request.principal!.name,
      });
      return reply.header('etag', `"${made.version}"`).send(made);
    },
  );
  app.get<{ Querystring: Static<typeof VersionsQuery> }>(
    '/v1/config/versions',
    {
      config: reading,
      schema: {
        summary: 'Versions of the document, the latest first',
        querystring: VersionsQuery,
        answer: Versions,
      },
    },
    async ({ query: { limit = pageSize, cursor } }) => {
      const versions = await config.versions(Number(limit), cursor === undefined ? null : Number(cursor));
      const last = versions.at(-1)?.version ?? 1;
      return { versions, ...(versions.length === Number(limit) && last > 1 ? { next: String(last) } : {}) };
    },
  );
  app.get<{ Params: Static<typeof Version> }>(
    '/v1/config/versions/:version',
    {
      config: reading,
      schema: {
        summary: 'One version of the document, with its text',
        params: Version,
        answer: WholeVersion,
      },
    },
    ({ params }) => config.readVersion(Number(params.version)),
  );
}

/** Who says who may do what could make himself an owner: so only owners do. */
function mayChange(principal: Principal, changes: readonly ConfigDifference[]): boolean {
  return !changes.some(isOfAccess) || reachOf(principal, 'access.write') !== null;
}

function isOfAccess({ path, before, after }: ConfigDifference): boolean {
  if (path !== 'admin') return /^admin\.(users|oidc|limits)(\.|$)/.test(path);
  const has = (admin: unknown) => typeof admin === 'object' && admin !== null;
  return [before, after].some(
    (admin) => has(admin) && ['users', 'oidc', 'limits'].some((key) => Object.hasOwn(admin as object, key)),
  );
}
