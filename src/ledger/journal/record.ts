import type { AttemptIntent, AttemptProgress, ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { frameType } from './frame.ts';

export type JournalRecord =
  | { readonly type: 'intent'; readonly intent: AttemptIntent }
  | { readonly type: 'progress'; readonly progress: AttemptProgress }
  | { readonly type: 'receipt'; readonly receipt: Receipt; readonly booked: readonly ReservedAmount[] };

/** Renders a receipt as JSON, its amounts as decimal strings. A replacer function would cost more than the rest. */
export function renderReceipt(receipt: Receipt): string {
  return JSON.stringify({ ...receipt, attempts: receipt.attempts.map(plainAttempt) });
}

/** @throws SyntaxError, TypeError when it is not what `renderReceipt` renders. */
export function parseReceipt(text: string): Receipt {
  return mapReceipt(JSON.parse(text) as PlainReceipt);
}

/** The payload of a receipt's frame. */
export function renderSettlement(receipt: Receipt, booked: readonly ReservedAmount[]): string {
  return `{"receipt":${renderReceipt(receipt)},"booked":${JSON.stringify(booked)}}`;
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
    case frameType.receipt: {
      const settlement = JSON.parse(payload) as { receipt: PlainReceipt; booked: ReservedAmount[] };
      return { type: 'receipt', receipt: mapReceipt(settlement.receipt), booked: settlement.booked };
    }
    default:
      return null;
  }
}

interface PlainLine {
  line: AttemptLine['lines'][number]['line'];
  costNano: string;
}
type PlainAttempt = Omit<AttemptLine, 'lines'> & { lines: PlainLine[] };
type PlainReceipt = Omit<Receipt, 'attempts'> & { attempts: PlainAttempt[] };

function plainAttempt(attempt: AttemptLine): PlainAttempt {
  const lines = attempt.lines.map((priced) => ({ line: priced.line, costNano: priced.costNano.toString() }));
  return { ...attempt, lines };
}

function mapReceipt(plain: PlainReceipt): Receipt {
  const attempts = plain.attempts.map((attempt) => ({
    ...attempt,
    lines: attempt.lines.map((priced) => ({ line: priced.line, costNano: BigInt(priced.costNano) })),
  }));
  return { ...plain, attempts };
}
