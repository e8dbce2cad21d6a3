import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { sendProblem } from './problem.ts';

const Document = Type.Object({ text: Type.String() }, { additionalProperties: false });
const Application = Type.Object(
  {
    text: Type.String(),
    /** Kept with the version. */
    comment: Type.Optional(Type.String({ maxLength: 1000 })),
  },
  { additionalProperties: false },
);
const Page = Type.Object(
  { limit: Type.Optional(Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$' })) },
  { additionalProperties: false },
);
const Version = Type.Object(
  { version: Type.String({ pattern: '^[1-9]\\d{0,8}$' }) },
  { additionalProperties: false },
);

const pageSize = 50;

/** The configuration is read and tried here; it is changed here where no file is its master. */
export function serveConfig(app: FastifyInstance, { config }: Pick<ControlPlane, 'config'>): void {
  const etagOf = ({ storedVersion, digest }: { storedVersion: number | null; digest: string }) =>
    `"${storedVersion ?? digest}"`;
  app.get('/v1/config', { schema: { summary: 'The document in force, as it was written' } }, (_, reply) => {
    const read = config.read();
    return reply.header('etag', etagOf(read)).send(read);
  });
  app.post<{ Body: Static<typeof Document> }>(
    '/v1/config/check',
    { schema: { summary: 'Validates a document without using it', body: Document } },
    (request) => {
      const findings = config.check(request.body.text);
      return { valid: findings.length === 0, findings };
    },
  );
  app.post<{ Body: Static<typeof Document> }>(
    '/v1/config/diff',
    {
      schema: { summary: 'What would change if a document were applied; secrets are hidden', body: Document },
    },
    (request) => {
      const { master, storedVersion } = config.read();
      return { master, storedVersion, changes: config.diff(request.body.text) };
    },
  );
  app.put<{ Body: Static<typeof Application> }>(
    '/v1/config',
    {
      schema: {
        summary:
          'Applies a document after the version that If-Match names; refused where a file is the master',
        body: Application,
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
      const made = await config.apply({ text, comment, after: Number(after ?? 0) });
      return reply.header('etag', `"${made.version}"`).send(made);
    },
  );
  app.get<{ Querystring: Static<typeof Page> }>(
    '/v1/config/versions',
    { schema: { summary: 'Versions of the document, the latest first', querystring: Page } },
    async ({ query }) => ({ versions: await config.versions(Number(query.limit ?? pageSize)) }),
  );
  app.get<{ Params: Static<typeof Version> }>(
    '/v1/config/versions/:version',
    { schema: { summary: 'One version of the document, with its text', params: Version } },
    ({ params }) => config.readVersion(Number(params.version)),
  );
}
