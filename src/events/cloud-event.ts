import type { EventRecord } from '#core/contracts/events.ts';
import type { OutboxEntry } from '#core/contracts/outbox.ts';
import { renderAmount } from '#core/money.ts';
import { totalCost, totalPrice, type PricedLine, type PricedUnit } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { totalsOf } from '#core/usage.ts';

/** A CloudEvent (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md), and what is needed to deliver it. */
export interface OutgoingEvent {
  readonly id: string;
  readonly sequence: number;
  /** Without its prefix. */
  readonly type: string;
  readonly subject: string;
  /** JSON, as it goes out: the same whenever it is tried. */
  readonly text: string;
}

export const typePrefix = 'sluice.';
const sequenceDigits = 20;

export function mapEntry(entry: OutboxEntry, source: string): OutgoingEvent {
  return entry.type === 'event'
    ? mapEvent(entry.event, { sequence: entry.sequence, source })
    : mapUsage(entry, { sequence: entry.sequence, source });
}

interface Place {
  readonly sequence: number;
  readonly source: string;
}

function mapEvent({ id, type, subject, atMs, data }: EventRecord, place: Place): OutgoingEvent {
  return outgoing({ id, type, subject, atMs, data }, place);
}

/** A correction says what a receipt says now, whole; its id tells it from others of the same receipt. */
function mapUsage(entry: Extract<OutboxEntry, { receipt: Receipt }>, place: Place): OutgoingEvent {
  const { receipt } = entry;
  const isFirst = entry.type === 'receipt';
  const { project, key } = receipt.subjects;
  const subject =
    project !== '' ? `project:${project}` : key !== '' ? `key:${key}` : `route:${receipt.route}`;
  return outgoing(
    {
      id: isFirst ? receipt.id : `${receipt.id}/${entry.sequence}`,
      type: isFirst ? 'usage' : 'usage.corrected',
      subject,
      atMs: receipt.settledAtMs,
      data: usageOf(receipt),
    },
    place,
  );
}

function outgoing(
  event: Pick<EventRecord, 'id' | 'subject' | 'atMs' | 'data'> & { readonly type: string },
  { sequence, source }: Place,
): OutgoingEvent {
  const { id, type, subject, atMs, data } = event;
  const text = JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type: typePrefix + type,
    subject,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    // Sorts as text (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md).
    sequence: String(sequence).padStart(sequenceDigits, '0'),
    data,
  });
  return { id, sequence, type, subject, text };
}

function usageOf(receipt: Receipt): EventRecord['data'] {
  const { key, project, team, ...otherSubjects } = receipt.subjects;
  const lines = receipt.attempts.flatMap((attempt) => attempt.lines.map((priced) => priced.line));
  return {
    receipt: receipt.id,
    ...{ key, project, team },
    ...otherSubjects,
    route: receipt.route,
    dialect: receipt.dialect,
    requestedModel: receipt.requestedModel,
    outcome: receipt.outcome,
    status: receipt.status,
    fault: receipt.fault,
    traceId: receipt.traceId,
    admittedAt: new Date(receipt.admittedAtMs).toISOString(),
    settledAt: new Date(receipt.settledAtMs).toISOString(),
    tokens: totalsOf(lines),
    attempts: receipt.attempts.map(attemptOf),
  };
}

function attemptOf(attempt: AttemptLine): Record<string, unknown> {
  const { number, provider, model, status, fault, usageSource, flags, serviceTier, charge } = attempt;
  return {
    ...{ number, provider, model, status, fault, usageSource, flags },
    ...(serviceTier === undefined ? {} : { serviceTier }),
    cost: {
      amount: renderAmount(totalCost(attempt)),
      currency: attempt.currency,
      version: attempt.priceVersion,
    },
    price: {
      amount: renderAmount(totalPrice(attempt)),
      currency: charge?.currency ?? attempt.currency,
      version: charge?.version ?? attempt.priceVersion,
    },
    lines: attempt.lines.map((priced) => ({ ...priced.line, ...amountsOf(priced) })),
    units: (attempt.units ?? []).map((priced) => ({
      unit: priced.unit,
      count: priced.count,
      ...amountsOf(priced),
    })),
  };
}

const amountsOf = ({ costNano, priceNano }: PricedLine | PricedUnit) => ({
  cost: renderAmount(costNano),
  price: renderAmount(priceNano ?? costNano),
});
