import type { EventRecord } from '#core/contracts/events.ts';
import type { AttemptIntent, AttemptProgress, ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { frameType } from './frame.ts';

export type JournalRecord =
  | { readonly type: 'intent'; readonly intent: AttemptIntent }
  | { readonly type: 'progress'; readonly progress: AttemptProgress }
  | { readonly type: 'event'; readonly event: EventRecord }
  | {
      readonly type: 'receipt';
      readonly receipt: Receipt;
      /** The receipt as it was written. */
      readonly body: string;
      readonly booked: readonly ReservedAmount[];
    };

/** Renders a receipt as JSON, its amounts as decimal strings. A replacer function would cost more than the rest. */
export function renderReceipt(receipt: Receipt): string {
  return JSON.stringify({ ...receipt, attempts: receipt.attempts.map(plainAttempt) });
}

/** @throws SyntaxError, TypeError when it is not what `renderReceipt` renders. */
export function parseReceipt(text: string): Receipt {
  return mapReceipt(JSON.parse(text) as PlainReceipt);
}

const beforeReceipt = '{"receipt":';
const beforeBooked = ',"booked":';

/** The payload of a receipt's frame. */
export function renderSettlement(receipt: Receipt, booked: readonly ReservedAmount[]): string {
  return `${beforeReceipt}${renderReceipt(receipt)}${beforeBooked}${JSON.stringify(booked)}}`;
}

/**
 * Parses the payload of a frame; null for a type that this version does not know (a later one may add some).
 * @throws SyntaxError, TypeError when it is not what this module renders.
 */
export function parseRecord(type: number, payload: string): JournalRecord | null {
  switch (type) {
    case frameType.intent:
      return { type: 'intent', intent: JSON.parse(payload) as AttemptIntent };
    case frameType.progress:
      return { type: 'progress', progress: JSON.parse(payload) as AttemptProgress };
    case frameType.event:
      return { type: 'event', event: JSON.parse(payload) as EventRecord };
    case frameType.receipt: {
      const settlement = JSON.parse(payload) as { receipt: PlainReceipt; booked: ReservedAmount[] };
      const receipt = mapReceipt(settlement.receipt);
      return { type: 'receipt', receipt, body: bodyIn(payload, receipt), booked: settlement.booked };
    }
    default:
      return null;
  }
}

/** No string within JSON can hold the bare quotes of `beforeBooked`, and no amount has a member of that name. */
function bodyIn(payload: string, receipt: Receipt): string {
  const end = payload.lastIndexOf(beforeBooked);
  if (end < 0 || !payload.startsWith(beforeReceipt)) return renderReceipt(receipt);
  return payload.slice(beforeReceipt.length, end);
}

/** Amounts of money are text on disk. */
interface PlainAmounts {
  costNano: string;
  priceNano?: string;
}
interface PlainLine extends PlainAmounts {
  line: AttemptLine['lines'][number]['line'];
}
interface PlainUnit extends PlainAmounts {
  unit: string;
  count: number;
}
type PlainAttempt = Omit<AttemptLine, 'lines' | 'units' | 'reportedCostNano'> & {
  lines: PlainLine[];
  units?: PlainUnit[];
  reportedCostNano?: string;
};
type PlainReceipt = Omit<Receipt, 'attempts'> & { attempts: PlainAttempt[] };

function plainAttempt(attempt: AttemptLine): PlainAttempt {
  const { lines, units, reportedCostNano } = attempt;
  const plain = {
    ...attempt,
    lines: lines.map((priced) => ({ line: priced.line, ...plainAmounts(priced) })),
  };
  if (units)
    Object.assign(plain, {
      units: units.map((priced) => ({ unit: priced.unit, count: priced.count, ...plainAmounts(priced) })),
    });
  if (reportedCostNano !== undefined) Object.assign(plain, { reportedCostNano: `${reportedCostNano}` });
  return plain as unknown as PlainAttempt;
}

function plainAmounts({ costNano, priceNano }: { costNano: bigint; priceNano?: bigint }): PlainAmounts {
  return priceNano === undefined
    ? { costNano: `${costNano}` }
    : { costNano: `${costNano}`, priceNano: `${priceNano}` };
}

type Parsed = { -readonly [name in keyof AttemptLine]: AttemptLine[name] | string };

/** In place: what was just parsed belongs to nobody else. */
function mapReceipt(plain: PlainReceipt): Receipt {
  for (const attempt of plain.attempts) {
    if (attempt.reportedCostNano !== undefined)
      (attempt as unknown as Parsed).reportedCostNano = BigInt(attempt.reportedCostNano);
    for (const priced of [...attempt.lines, ...(attempt.units ?? [])]) {
      const amounts = priced as { costNano: string | bigint; priceNano?: string | bigint };
      amounts.costNano = BigInt(priced.costNano);
      if (priced.priceNano !== undefined) amounts.priceNano = BigInt(priced.priceNano);
    }
  }
  return plain as unknown as Receipt;
}

/**
 * Whose intent a payload is, without parsing all of it: most intents are settled before anybody needs more.
 * @throws SyntaxError when it is no intent.
 */
export function peekIntent(payload: string): { exchange: string; attempt: number } {
  const match = /^\{"exchange":"([^"\\]+)","attempt":(\d+),/.exec(payload);
  if (match) return { exchange: match[1]!, attempt: Number(match[2]) };
  const { exchange, attempt } = JSON.parse(payload) as AttemptIntent;
  return { exchange, attempt };
}
