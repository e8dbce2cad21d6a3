import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything } from './shapes.ts';

const whole = (maxDigits: number) => Type.String({ pattern: `^\\d{1,${maxDigits}}$` });
const text = (maxLength: number) => Type.String({ maxLength });

const Cursor = Type.Object(
  { digest: text(64), epoch: text(64), sequence: whole(15), waitMs: whole(5) },
  { additionalProperties: false },
);
const Report = Type.Object(
  {
    name: text(255),
    version: text(64),
    startedAtMs: Type.Integer({ minimum: 0 }),
    ready: Type.Boolean(),
    configVersion: Type.Integer({ minimum: 0 }),
    refusal: Type.Union([text(10_000), Type.Null()]),
    lagSegments: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
/** As a journal names them. */
const Segment = Type.Object(
  {
    name: Type.String({
      maxLength: 128,
      pattern: '^w\\d{1,3}-[a-z0-9.]{1,40}-\\d{1,12}(-upto\\d{1,12})?\\.(open|sealed)$',
    }),
  },
  { additionalProperties: false },
);
const Dead = Type.Union([
  Type.Object(
    {
      worker: Type.Integer({ minimum: 0, maximum: 999 }),
      incarnation: Type.String({ pattern: '^[a-z0-9.]{1,40}$' }),
    },
    { additionalProperties: false },
  ),
  Type.Object({ all: Type.Literal(true) }, { additionalProperties: false }),
]);

const longestWaitMs = 30_000;
/** A segment is sealed at 1 MB; the records of one turn of a thread may be above it. */
const segmentLimitBytes = 64 << 20;

/** For edge nodes, each by its own token. They get nothing else of this API, and the admin's token gets nothing here. */
export function serveEdges(app: FastifyInstance, { edges }: Pick<ControlPlane, 'edges'>): void {
  const config = { edge: true };
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.get<{ Querystring: Static<typeof Cursor> }>(
    '/v1/nodes/self/changes',
    {
      config,
      schema: {
        summary: 'Document and keys that are new to an edge node; waits for them',
        querystring: Cursor,
        answer: Anything,
      },
    },
    ({ edge, query }, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const { digest, epoch, sequence, waitMs } = query;
      return edges.changes(edge!, {
        cursor: { digest, epoch, sequence: Number(sequence) },
        waitMs: Math.min(Number(waitMs), longestWaitMs),
        signal: gone.signal,
      });
    },
  );
  app.put<{ Body: Static<typeof Report> }>(
    '/v1/nodes/self/report',
    { config, schema: { summary: 'How an edge node fares', body: Report } },
    async (request, reply) => {
      await edges.report(request.edge!, request.body);
      return reply.code(204).send();
    },
  );
  app.put<{ Params: Static<typeof Segment>; Body: Buffer }>(
    '/v1/nodes/self/segments/:name',
    {
      config,
      bodyLimit: segmentLimitBytes,
      schema: {
        summary: "A segment of an edge node's journal; answers when it is on the books",
        params: Segment,
        bodyType: 'application/octet-stream',
      },
    },
    async (request, reply) => {
      await edges.receive(request.edge!, { name: request.params.name, bytes: request.body });
      return reply.code(204).send();
    },
  );
  app.post<{ Body: Static<typeof Dead> }>(
    '/v1/nodes/self/dead',
    { config, schema: { summary: 'Settles what dead workers of an edge node left open', body: Dead } },
    async (request, reply) => {
      await edges.giveUp(request.edge!, request.body);
      return reply.code(204).send();
    },
  );
}
