import type { Exchange } from '#core/exchange.ts';
import { renderAmount } from '#core/money.ts';
import { totalCost, totalPrice } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';

const longestText = 1024;
const cut = (text: string): string => (text.length > longestText ? `${text.slice(0, longestText)}…` : text);

/** What the log says of an exchange beside its content: no header, no query, since both may hold secrets. */
export function aboutOf(exchange: Exchange, receipt: Receipt | null): Record<string, unknown> {
  const { head, consumer, fault, claims } = exchange;
  return {
    ...{ method: head.method, host: cut(head.host), path: cut(head.path), client: head.clientAddress },
    consumer: consumer && {
      ...{ id: consumer.id, name: consumer.name, team: consumer.team, groups: consumer.groups },
      ...(consumer.consumer === undefined ? {} : { consumer: consumer.consumer }),
    },
    ...(claims?.['sub'] === undefined ? {} : { subject: cut(claims['sub']) }),
    ...(exchange.service === undefined ? {} : { service: exchange.service }),
    ...{ dialect: exchange.dialectName, traceId: exchange.trace.traceId },
    ...{ outcome: exchange.outcome, status: exchange.status },
    fault: fault && { code: fault.code, message: cut(fault.message) },
    decidedBy: exchange.decidedBy ?? null,
    requestedModel: exchange.brief ? cut(exchange.brief.model) : null,
    downgradedTo: exchange.downgradedTo,
    replayOf: exchange.replayOf,
    queuedMs: exchange.queuedMs,
    dropped: exchange.losses.map(({ field }) => field),
    admittedAtMs: exchange.admittedAtMs,
    ...(receipt ? ofReceipt(receipt) : { settled: false }),
  };
}

function ofReceipt(receipt: Receipt): Record<string, unknown> {
  const { settledAtMs, firstContentAtMs, requestBytes, responseBytes, overdraft, notes } = receipt;
  return {
    ...{ settledAtMs, firstContentAtMs, requestBytes, responseBytes },
    ...(overdraft ? { overdraft } : {}),
    ...(notes ? { notes } : {}),
    attempts: receipt.attempts.map(attemptOf),
  };
}

const attemptOf = (attempt: AttemptLine): Record<string, unknown> => ({
  ...{ provider: attempt.provider, model: attempt.model, status: attempt.status, fault: attempt.fault },
  ...{ startedAtMs: attempt.startedAtMs, endedAtMs: attempt.endedAtMs, upstreamId: attempt.upstreamId },
  ...{ flags: attempt.flags, usageSource: attempt.usageSource },
  tokens: totalsOf(attempt.lines.map(({ line }) => line)),
  cost: {
    amount: renderAmount(totalCost(attempt)),
    currency: attempt.currency,
    version: attempt.priceVersion,
  },
  price: {
    amount: renderAmount(totalPrice(attempt)),
    currency: attempt.charge?.currency ?? attempt.currency,
    version: attempt.charge?.version ?? attempt.priceVersion,
  },
});
