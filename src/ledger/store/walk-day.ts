import { parseReceipt } from '../journal/record.ts';
import type { Asking, Row } from './asking.ts';
import { unpackBodies } from './body-block.ts';
import { readCorrections } from './read-bodies.ts';
import { mapEntry, type ReceiptEntry } from './receipt-entry.ts';
import type { Finding } from './verify-sums.ts';

/** So many blocks are read at a time: about 10 ms. */
const blocksInStep = 16;

export interface DayWalk {
  readonly findings: Finding[];
  /** Each receipt as it was posted, once. */
  onReceipt(entry: ReceiptEntry, posting: number): void;
  /** What a correction took back, and what it put in its place. */
  onCorrection(before: ReceiptEntry, after: ReceiptEntry, posting: number): void;
}

/** Of some blocks and the rows up to their end. */
interface Step {
  readonly idDay: number;
  readonly rows: ReadonlyMap<number, Row>;
  readonly lines: ReadonlyMap<number, string>;
}

/** Reads all receipts of a day of ids, and tells of each that is not its row. */
export function* walkDay(idDay: number, walk: DayWalk): Asking<void> {
  const corrected = (yield { sql: 'SELECT sequence FROM corrections LIMIT 1', values: [] }).length > 0;
  for (let after: number | null = 0; after !== null;) {
    const step: { read: Step; last: number | null } = yield* readStep(idDay, after, walk.findings);
    yield* tell(step.read, walk, corrected);
    after = step.last;
  }
}

/** The next blocks of a day and the rows up to their end; without any more, the rows that are left, and null. */
function* readStep(
  idDay: number,
  after: number,
  findings: Finding[],
): Asking<{ read: Step; last: number | null }> {
  const blocks = yield {
    sql: `SELECT block, last, content FROM bodies WHERE id_day = ? AND block > ? ORDER BY block LIMIT ${blocksInStep}`,
    values: [idDay, after],
  };
  const end = blocks.length === 0 ? null : Number(blocks.at(-1)!['last']);
  const rows = yield {
    sql: `SELECT sequence, id, posting, day, "key", project, team, outcome, attempts, tokens, cost_nano
      FROM receipts WHERE id_day = ? AND sequence > ? AND sequence <= ?`,
    values: [idDay, after, end ?? Number.MAX_SAFE_INTEGER],
  };
  const lines = new Map<number, string>();
  for (const row of blocks) {
    const block = Number(row['block']);
    try {
      for (const [at, body] of unpackBodies(row['content'] as Uint8Array).entries())
        lines.set(block + at, body);
    } catch (error) {
      const subject = `block ${block}`;
      findings.push({ check: 'receipt is readable', subject, expected: 'a block', found: String(error) });
    }
  }
  const bySequence = new Map(rows.map((row) => [Number(row['sequence']), row]));
  return { read: { idDay, rows: bySequence, lines }, last: end };
}

function* tell({ idDay, rows, lines }: Step, walk: DayWalk, corrected: boolean): Asking<void> {
  const { findings } = walk;
  const corrections = corrected
    ? yield* readCorrections([...rows.values()].map((row) => String(row['id'])))
    : new Map<string, { posting: number; body: string }[]>();
  for (const sequence of new Set([...rows.keys(), ...lines.keys()])) {
    const [row, body] = [rows.get(sequence), lines.get(sequence)];
    const subject = row ? String(row['id']) : `number ${sequence} of day ${idDay}`;
    try {
      if (body === undefined) throw new Error('its body is gone');
      if (!row) {
        findings.push({ check: 'row = its receipt', subject, expected: body, found: 'no row' });
        continue;
      }
      let entry = mapEntry(parseReceipt(body), body, []);
      checkRow(row, entry, findings);
      walk.onReceipt(entry, Number(row['posting']));
      for (const correction of corrections.get(subject) ?? []) {
        const before = entry;
        entry = mapEntry(parseReceipt(correction.body), correction.body, []);
        walk.onCorrection(before, entry, correction.posting);
      }
    } catch (error) {
      findings.push({ check: 'receipt is readable', subject, expected: 'a receipt', found: String(error) });
    }
  }
}

function checkRow(row: Row, { receipt, of, tokens, costNano }: ReceiptEntry, findings: Finding[]): void {
  const subjects = [receipt.id, of.day, of.key, of.project, of.team, of.outcome];
  const expected = [...subjects, receipt.attempts.length, tokens, costNano].join(', ');
  const names = ['id', 'day', 'key', 'project', 'team', 'outcome', 'attempts', 'tokens', 'cost_nano'];
  const found = names.map((name) => String(row[name])).join(', ');
  if (found === expected) return;
  findings.push({ check: 'row = its receipt', subject: String(row['id']), expected, found });
}
