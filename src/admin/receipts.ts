import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import {
  ControlError,
  receiptFields,
  type ControlPlane,
  type ReceiptQuery,
} from '#core/contracts/control-plane.ts';
import { isWithin, type Reach } from '#core/principal.ts';
import { Next } from './page.ts';
import { Anything, Instant, orNull } from './shapes.ts';
import { momentOf, teamsOf } from './usage.ts';

const text = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }));
const moment = Type.Optional(Type.String({ maxLength: 40 }));
const Query = Type.Object(
  {
    ...{ key: text, project: text, team: text, service: text, model: text, provider: text, route: text },
    outcome: text,
    ...{ from: moment, to: moment },
    trace: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
    limit: Type.Optional(
      Type.String({ pattern: '^([1-9]\\d?|[1-4]\\d\\d|500)$', description: 'Up to 500 (100).' }),
    ),
    cursor: Type.Optional(
      Type.String({ pattern: '^[1-9]\\d{0,14}$', description: '`next` of the page before.' }),
    ),
  },
  { additionalProperties: false },
);
const ReceiptId = Type.Object(
  { id: Type.String({ pattern: '^[0-9A-HJKMNP-TV-Z]{26}$' }) },
  { additionalProperties: false },
);

const Summary = Type.Object({
  id: Type.String(),
  admittedAtMs: Instant,
  settledAtMs: Instant,
  firstContentAtMs: orNull(Instant),
  route: Type.String(),
  outcome: Type.String(),
  status: Type.Integer(),
  fault: orNull(Type.String()),
  key: Type.String(),
  project: Type.String(),
  team: Type.String(),
  model: orNull(Type.String()),
  provider: orNull(Type.String()),
  attempts: Type.Integer(),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  costNano: Type.Record(Type.String(), Type.String()),
});

const pageSize = 100;

/** Single exchanges, from the ledger. */
export function serveReceipts(app: FastifyInstance, control: ControlPlane): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/receipts',
    {
      config: { permission: 'receipts.read' },
      schema: {
        summary:
          'Receipts in a line each, the latest on the books first; a page may be short and more follow',
        querystring: Query,
        answer: Type.Object({ receipts: Type.Array(Summary), next: Next }),
      },
    },
    async ({ query, reach }) => {
      const { receipts, next } = await control.receipts(receiptQueryOf(query, reach));
      return { receipts, ...(next === null ? {} : { next: String(next) }) };
    },
  );
  app.get<{ Params: Static<typeof ReceiptId> }>(
    '/v1/receipts/:id',
    {
      config: { permission: 'receipts.read' },
      schema: { summary: 'One receipt', params: ReceiptId, answer: Anything },
    },
    async ({ params, reach }) => {
      const receipt = await control.receipt(params.id);
      if (!receipt || !isWithin(reach, teamOf(receipt)))
        throw new ControlError(404, 'There is no receipt of this id.');
      return receipt;
    },
  );
}

/** Empty where nobody was known. */
const teamOf = (receipt: Record<string, unknown>): string => {
  const { subjects } = receipt as { subjects?: { team?: string } };
  return subjects?.team ?? '';
};

function receiptQueryOf(query: Static<typeof Query>, reach: Reach): ReceiptQuery {
  const { limit, cursor, trace } = query;
  const asked = receiptFields.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]]));
  const teams = teamsOf(query.team, reach);
  return {
    where: { ...Object.fromEntries(asked), ...(teams ? { team: teams } : {}) },
    fromMs: momentOf('from', query.from),
    toMs: momentOf('to', query.to),
    traceId: trace ?? null,
    limit: Number(limit ?? pageSize),
    before: cursor === undefined ? null : Number(cursor),
  };
}
