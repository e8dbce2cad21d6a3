import { pino } from 'pino';
import type { Exchange } from '#core/exchange.ts';
import { renderAmount } from '#core/money.ts';
import { totalCost } from '#core/price.ts';
import type { Receipt } from '#core/receipt.ts';
import { classOf, type TokenClass } from './exchange-metrics.ts';

const longestText = 1024;

/** Renders one JSON line for each exchange. No query, no header and no body: they may hold secrets. */
export function createAccessLog(
  write: (line: string) => void,
): (exchange: Exchange, receipt: Receipt) => void {
  const log = pino({ base: null, timestamp: false }, { write });
  return (exchange, receipt) => log.info(lineOf(exchange, receipt));
}

function lineOf({ head, consumer }: Exchange, receipt: Receipt): Record<string, unknown> {
  const last = receipt.attempts.at(-1);
  const tokens: Partial<Record<TokenClass, number>> = {};
  const cost: Record<string, bigint> = {};
  for (const attempt of receipt.attempts) {
    for (const { line } of attempt.lines) {
      const kind = classOf(line);
      tokens[kind] = (tokens[kind] ?? 0) + line.count;
    }
    if (attempt.lines.length || attempt.units)
      cost[attempt.currency] = (cost[attempt.currency] ?? 0n) + totalCost(attempt);
  }
  return {
    time: new Date(receipt.settledAtMs).toISOString(),
    exchange: receipt.id,
    trace_id: receipt.traceId,
    method: head.method,
    host: cut(head.host),
    path: cut(head.path),
    status: receipt.status,
    outcome: receipt.outcome,
    fault: receipt.fault,
    route: receipt.route,
    dialect: receipt.dialect,
    requested_model: receipt.requestedModel && cut(receipt.requestedModel),
    model: last && cut(last.model),
    provider: last?.provider,
    upstream_id: last?.upstreamId && cut(last.upstreamId),
    key: consumer?.id,
    project: consumer?.project,
    client: head.clientAddress,
    duration_ms: receipt.settledAtMs - receipt.admittedAtMs,
    ttfc_ms: receipt.firstContentAtMs === null ? null : receipt.firstContentAtMs - receipt.admittedAtMs,
    tokens,
    cost: Object.fromEntries(Object.entries(cost).map(([currency, nano]) => [currency, renderAmount(nano)])),
    bytes_in: receipt.requestBytes,
    bytes_out: receipt.responseBytes,
    attempts: receipt.attempts.length,
    notes: receipt.notes,
  };
}

const cut = (text: string) => (text.length > longestText ? `${text.slice(0, longestText)}…` : text);
