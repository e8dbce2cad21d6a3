import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { renderCsvRow } from '#core/csv.ts';
import { renderAmount } from '#core/money.ts';
import { ControlError, type ControlPlane, type UsageQuery } from '#core/contracts/control-plane.ts';
import { isWithin, type Reach } from '#core/principal.ts';
import { Anything } from './shapes.ts';

const groups = ['key', 'project', 'team', 'model', 'provider', 'route', 'outcome', 'day', 'service'] as const;

const Query = Type.Object(
  {
    by: Type.Optional(Type.String({ maxLength: 100 })),
    from: Type.Optional(Type.String({ maxLength: 40 })),
    to: Type.Optional(Type.String({ maxLength: 40 })),
    project: Type.Optional(Type.String({ maxLength: 128 })),
    team: Type.Optional(Type.String({ maxLength: 128 })),
    key: Type.Optional(Type.String({ maxLength: 128 })),
    model: Type.Optional(Type.String({ maxLength: 256 })),
    provider: Type.Optional(Type.String({ maxLength: 128 })),
    route: Type.Optional(Type.String({ maxLength: 128 })),
    format: Type.Optional(Type.Union([Type.Literal('json'), Type.Literal('csv')])),
    service: Type.Optional(Type.String({ maxLength: 64 })),
    trace: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
  },
  { additionalProperties: false },
);

/** What was used and what it cost, from the ledger. Amounts are nano-units, as strings where they are big. */
export function serveUsage(app: FastifyInstance, control: ControlPlane): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/usage',
    {
      config: { permission: 'usage.read' },
      schema: {
        summary: `Sums by any of ${groups.join(', ')}; service not together with key, route or outcome`,
        querystring: Query,
        answer: Type.Object({ usage: Type.Array(Anything) }),
      },
    },
    async (request, reply) => {
      const query = usageQueryOf(request.query, request.reach);
      const usage = await control.usage(query);
      if (request.query.format !== 'csv') return { usage };
      return reply.type('text/csv; charset=utf-8').serializer(String).send(csvOf(query, usage));
    },
  );
  app.get(
    '/v1/ledger/verify',
    {
      config: { permission: 'ledger.verify' },
      schema: { summary: 'Proves the ledger against its own invariants', answer: Verdict },
    },
    () => control.verify(),
  );
}

const Verdict = Type.Object({
  clean: Type.Boolean(),
  findings: Type.Array(Type.String()),
  checked: Anything,
});

const figures = [
  'requests',
  'attempts',
  'errors',
  'inputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
] as const;

function csvOf({ by }: UsageQuery, usage: readonly Record<string, unknown>[]): string {
  const rows = usage.map((row) => [
    ...[...by, ...figures].map((name) => row[name] as string | number),
    ...[renderAmount(BigInt(row['costNano'] as string)), renderAmount(BigInt(row['priceNano'] as string))],
    row['currency'] as string,
  ]);
  return [[...by, ...figures, 'cost', 'price', 'currency'], ...rows].map(renderCsvRow).join('');
}

const Rerate = Type.Object(
  {
    from: Type.Optional(Type.String({ maxLength: 40 })),
    to: Type.Optional(Type.String({ maxLength: 40 })),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    dryRun: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

const Rerated = Type.Object({
  dryRun: Type.Boolean(),
  examined: Type.Integer(),
  corrected: Type.Integer(),
  difference: Type.Array(Anything),
});

/** Receipts of the past by the prices of today. */
export function serveRerate(app: FastifyInstance, control: ControlPlane): void {
  app.post<{ Body: Static<typeof Rerate> }>(
    '/v1/ledger/rerate',
    {
      config: { permission: 'ledger.rerate' },
      schema: { summary: 'Prices receipts anew, and books the difference', body: Rerate, answer: Rerated },
    },
    ({ body: { from, to, model, version, dryRun } }) =>
      control.rerate({
        fromMs: momentOf('from', from),
        toMs: momentOf('to', to),
        model: model ?? null,
        version: version ?? null,
        dryRun: dryRun ?? false,
      }),
  );
}

function usageQueryOf(query: Static<typeof Query>, reach: Reach): UsageQuery {
  const { by, project, service, trace, key, model, provider, route } = query;
  const only = Object.entries({ key, model, provider, route }).filter(([, value]) => value !== undefined);
  return {
    by: (by ?? 'project').split(',').map((word) => {
      const group = groups.find((known) => known === word);
      if (!group) throw new ControlError(400, `by: "${word}" is none of ${groups.join(', ')}`);
      return group;
    }),
    fromMs: momentOf('from', query.from),
    toMs: momentOf('to', query.to),
    project: project ?? null,
    service: service ?? null,
    traceId: trace ?? null,
    teams: teamsOf(query.team, reach),
    ...(only.length ? { only: Object.fromEntries(only) } : {}),
  };
}

/** Null: all. @throws ControlError 404 for a team of others, which is not there. */
export function teamsOf(team: string | undefined, reach: Reach): readonly string[] | null {
  if (team === undefined) return reach === 'all' ? null : [...reach];
  if (!isWithin(reach, team)) throw new ControlError(404, `There is no team "${team}".`);
  return [team];
}

/** Epoch milliseconds, or an ISO 8601 date or time; without an offset it is UTC. */
export function momentOf(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const zoned = /T.*(Z|[+-]\d\d:\d\d)$|^\d{4}-\d\d-\d\d$/.test(text) ? text : `${text}Z`;
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(zoned) : NaN;
  if (Number.isNaN(ms))
    throw new ControlError(
      400,
      `${name}: expected 2026-01-31, 2026-01-31T12:00:00Z or epoch milliseconds, got "${text}"`,
    );
  return ms;
}
