import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { totalsOf } from '#core/usage.ts';
import { parseReceipt } from '../journal/record.ts';
import { dayMs } from './post-receipt.ts';
import { renderDay } from './queries.ts';

export interface Finding {
  /** Which sum or rule does not hold. */
  readonly check: string;
  /** Of whom: a receipt, an attempt, a key, a day, … */
  readonly subject: string;
  /** By the receipts. */
  readonly expected: string;
  readonly found: string;
}

export interface Verification {
  readonly receipts: number;
  readonly attempts: number;
  /** Empty when the books are right. At most 1,000. */
  readonly findings: readonly Finding[];
}

const mostFindings = 1_000;

/** Figures by check and subject. */
type Sums = Map<string, bigint[]>;

/**
 * Adds the columns up: receipts as they were journalled, attempts, lines, counters and movements must tell the same
 * story by key, team, model and day. Reads everything, in one snapshot.
 */
export function verifyBooks(database: DatabaseSync): Verification {
  database.exec('BEGIN');
  try {
    const findings: Finding[] = [];
    const receipts = sumReceipts(database, findings);
    compare(findings, 'attempt = its receipt', receipts.attempts, sumAttempts(database));
    compare(findings, 'lines = their attempt', receipts.attempts, sumLines(database));
    compare(findings, 'movements = their attempt', receipts.costs, sumDebits(database));
    for (const dimension of ['key', 'team', 'model', 'day']) {
      const expected = receipts.by.get(dimension)!;
      compare(
        findings,
        `counters = receipts, by ${dimension}`,
        expected.counted,
        sumCounters(database, dimension),
      );
      compare(
        findings,
        `movements = receipts, by ${dimension}`,
        expected.moved,
        sumMoved(database, dimension),
      );
    }
    findings.push(
      ...query(database, unbalanced),
      ...query(database, dangling),
      ...query(database, incidents),
    );
    return {
      receipts: receipts.receipts,
      attempts: receipts.attempts.size,
      findings: findings.slice(0, mostFindings),
    };
  } finally {
    database.exec('COMMIT');
  }
}

interface ReceiptSums {
  receipts: number;
  /** By attempt: input, output, cost. */
  readonly attempts: Sums;
  readonly costs: Sums;
  readonly by: Map<string, { counted: Sums; moved: Sums }>;
}

function sumReceipts(database: DatabaseSync, findings: Finding[]): ReceiptSums {
  const by = new Map(
    ['key', 'team', 'model', 'day'].map((name) => [name, { counted: new Map(), moved: new Map() }]),
  );
  const sums: ReceiptSums = { receipts: 0, attempts: new Map(), costs: new Map(), by };
  for (const row of database.prepare('SELECT id, body FROM receipts').iterate()) {
    sums.receipts += 1;
    try {
      addReceipt(sums, String(row['body']));
    } catch (error) {
      findings.push({
        check: 'receipt is readable',
        subject: String(row['id']),
        expected: 'a receipt',
        found: String(error),
      });
    }
  }
  return sums;
}

function addReceipt(sums: ReceiptSums, body: string): void {
  const receipt = parseReceipt(body);
  const day = renderDay(Math.floor(receipt.admittedAtMs / dayMs));
  const { key, team } = receipt.subjects;
  const last = receipt.attempts.at(-1);
  const count = (model: string, currency: string, figures: bigint[]): void => {
    const subjects: Record<string, string> = { key, team, model, day };
    for (const [dimension, { counted, moved }] of sums.by) {
      const subject = `${subjects[dimension]} ${currency}`;
      add(counted, subject, figures);
      if (figures[4] !== 0n) add(moved, subject, figures.slice(4));
    }
  };
  if (!last) count(receipt.requestedModel ?? '', '', [1n, 0n, 0n, 0n, 0n]);
  for (const attempt of receipt.attempts) {
    const tokens = totalsOf(attempt.lines.map((priced) => priced.line));
    const cost = attempt.lines.reduce((sum, priced) => sum + priced.costNano, 0n);
    const [input, output] = [BigInt(tokens.input), BigInt(tokens.output)];
    const name = `${receipt.id}/${attempt.number}`;
    add(sums.attempts, name, [input, output, cost]);
    if (cost !== 0n) add(sums.costs, name, [cost]);
    count(attempt.model, attempt.currency, [attempt === last ? 1n : 0n, 1n, input, output, cost]);
  }
}

const sumAttempts = (database: DatabaseSync): Sums =>
  read(database, `SELECT receipt_id || '/' || number AS subject, input, output, cost_nano FROM attempts`);

const sumLines = (database: DatabaseSync): Sums =>
  read(
    database,
    `SELECT receipt_id || '/' || number AS subject,
       COALESCE(SUM(CASE WHEN direction <> 'output' THEN count END), 0),
       COALESCE(SUM(CASE WHEN direction = 'output' THEN count END), 0), COALESCE(SUM(usage_lines.cost_nano), 0)
     FROM attempts LEFT JOIN usage_lines USING (receipt_id, number) GROUP BY receipt_id, number`,
  );

const sumDebits = (database: DatabaseSync): Sums =>
  read(
    database,
    `SELECT receipt_id || '/' || number AS subject, SUM(amount_nano) FROM movements
     WHERE account GLOB 'project:*' GROUP BY receipt_id, number`,
  );

const sumCounters = (database: DatabaseSync, dimension: string): Sums =>
  read(
    database,
    `SELECT ${subjectOf(dimension)} AS subject, SUM(requests), SUM(attempts), SUM(input), SUM(output), SUM(cost_nano)
     FROM counters GROUP BY subject`,
  );

const sumMoved = (database: DatabaseSync, dimension: string): Sums =>
  read(
    database,
    `SELECT ${subjectOf(dimension)} AS subject, SUM(amount_nano) FROM movements
     WHERE account GLOB 'project:*' GROUP BY subject`,
  );

const subjectOf = (dimension: string): string =>
  `${dimension === 'day' ? `date(day * 86400, 'unixepoch')` : `"${dimension}"`} || ' ' || currency`;

const unbalanced = `
  SELECT 'entries of a transaction sum to zero' AS "check", receipt_id || '/' || number || ' ' || currency AS subject,
    '0' AS expected, CAST(SUM(amount_nano) AS TEXT) AS found
  FROM movements GROUP BY receipt_id, number, currency HAVING SUM(amount_nano) <> 0`;

const dangling = `
  SELECT 'every attempt is on a receipt' AS "check", exchange || '/' || attempt AS subject, 'a line' AS expected,
    CASE WHEN receipts.id IS NULL THEN 'open, though its worker is dead' ELSE 'none on the receipt' END AS found
  FROM open_attempts LEFT JOIN receipts ON receipts.id = exchange LEFT JOIN dead_incarnations AS dead
    ON dead.worker = open_attempts.worker AND dead.incarnation = open_attempts.incarnation
  WHERE receipts.id IS NOT NULL OR dead.worker IS NOT NULL`;

const incidents = `
  SELECT 'nothing was set aside' AS "check", kind || ' ' || subject || ' at ' || position AS subject,
    'no incident' AS expected, reason AS found FROM incidents`;

/** Rows of a subject and its figures. */
function read(database: DatabaseSync, sql: string): Sums {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const sums: Sums = new Map();
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<SQLOutputValue[]>) {
    add(sums, String(row[0]), row.slice(1) as bigint[]);
  }
  return sums;
}

const query = (database: DatabaseSync, sql: string): Finding[] =>
  database.prepare(sql).all() as unknown as Finding[];

function add(sums: Sums, subject: string, figures: readonly bigint[]): void {
  const known = sums.get(subject);
  if (!known) sums.set(subject, [...figures]);
  else figures.forEach((figure, index) => (known[index] = known[index]! + figure));
}

function compare(findings: Finding[], check: string, expected: Sums, found: Sums): void {
  const render = (figures: readonly bigint[] | undefined): string => figures?.join(', ') ?? 'nothing';
  for (const subject of new Set([...expected.keys(), ...found.keys()])) {
    const [right, is] = [render(expected.get(subject)), render(found.get(subject))];
    if (right !== is) findings.push({ check, subject, expected: right, found: is });
  }
}
