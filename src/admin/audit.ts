import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import type { AuditControl, AuditQuery } from '#core/contracts/audit.ts';
import { Next } from './page.ts';
import { Anything } from './shapes.ts';
import { momentOf } from './usage.ts';

const text = Type.String({ minLength: 1, maxLength: 256 });
const moment = Type.String({ maxLength: 40 });
const number = Type.String({ pattern: '^[1-9]\\d{0,14}$' });
const Query = Type.Object(
  {
    from: Type.Optional(moment),
    to: Type.Optional(moment),
    who: Type.Optional(text),
    resource: Type.Optional(text),
    exchange: Type.Optional(text),
    project: Type.Optional(text),
    text: Type.Optional(text),
    limit: Type.Optional(Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$' })),
    cursor: Type.Optional(number),
  },
  { additionalProperties: false },
);
const Expected = Type.Object(
  {
    sequence: Type.Optional(number),
    hash: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  },
  { additionalProperties: false },
);
const Erasure = Type.Object({ project: text }, { additionalProperties: false });

const pageSize = 100;

/** The audit log: looked through, proved, and parts of it made unreadable for good. */
export function serveAudit(app: FastifyInstance, { audit }: { readonly audit: AuditControl }): void {
  const read = { permission: 'audit.read' } as const;
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/audit',
    {
      config: read,
      schema: {
        summary: 'Records of the audit log, the latest first',
        querystring: Query,
        answer: Type.Object({ records: Type.Array(Anything), next: Next }),
      },
    },
    async ({ query }) => {
      const records = await audit.search(queryOf(query));
      const last = records.at(-1);
      const isFull = records.length === Number(query.limit ?? pageSize);
      return { records, ...(last && isFull ? { next: String(last.sequence) } : {}) };
    },
  );
  app.get<{ Querystring: Static<typeof Expected> }>(
    '/v1/audit/verify',
    {
      config: read,
      schema: {
        summary: 'Proves the audit log; sequence and hash name a record that was noted down before',
        querystring: Expected,
        answer: Anything,
      },
    },
    ({ query: { sequence, hash } }) =>
      audit.verify(
        sequence === undefined || hash === undefined ? null : { sequence: Number(sequence), hash },
      ),
  );
  app.post<{ Body: Static<typeof Erasure> }>(
    '/v1/audit/erase',
    {
      config: { permission: 'audit.write' },
      schema: {
        summary: 'Destroys the key of what is kept of a project’s content; the log can still be proved',
        body: Erasure,
        answer: Anything,
      },
    },
    ({ body }) => audit.erase(body.project),
  );
}

function queryOf(query: Static<typeof Query>): AuditQuery {
  const { who, resource, exchange, project, text: words } = query;
  return {
    fromMs: momentOf('from', query.from),
    toMs: momentOf('to', query.to),
    who: who ?? null,
    resource: resource ?? null,
    exchange: exchange ?? null,
    project: project ?? null,
    text: words ?? null,
    limit: Number(query.limit ?? pageSize),
    before: query.cursor === undefined ? null : Number(query.cursor),
  };
}
