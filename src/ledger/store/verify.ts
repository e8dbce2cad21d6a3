import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { totalCost } from '#core/price.ts';
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
/** So many receipts are read at a time: about 10 ms. */
const receiptsInStep = 1_000;
const dimensions = ['key', 'team', 'model', 'day'] as const;

/** Figures by check and subject. */
type Sums = Map<string, bigint[]>;

/**
 * Adds the columns up: receipts as they were journalled, their rows, counters and movements must tell the same story by
 * key, team, model, day and posting. Reads everything, in one snapshot.
 */
export function verifyBooks(database: DatabaseSync): Verification {
  const steps = verifyInSteps(database);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The same in steps of some 10 ms, for a thread that has other things to do. The snapshot is the connection's open
 * transaction: nobody may use the connection for anything else before the end.
 */
export function* verifyInSteps(database: DatabaseSync): Generator<void, Verification> {
  database.exec('BEGIN');
  try {
    const findings: Finding[] = [];
    const receipts = yield* sumReceipts(database, findings);
    compare(findings, 'movements = their posting', receipts.postings, sumPostings(database));
    yield;
    for (const dimension of dimensions) {
      const { counted, moved } = receipts.by[dimension];
      compare(findings, `counters = receipts, by ${dimension}`, counted, sumCounters(database, dimension));
      compare(findings, `movements = receipts, by ${dimension}`, moved, sumMoved(database, dimension));
      yield;
    }
    for (const sql of [unbalanced, dangling, incidents]) {
      findings.push(...query(database, sql));
      yield;
    }
    return {
      receipts: receipts.receipts,
      attempts: receipts.attempts,
      findings: findings.slice(0, mostFindings),
    };
  } finally {
    database.exec('COMMIT');
  }
}

interface ReceiptSums {
  receipts: number;
  attempts: number;
  /** By posting and currency: cost. */
  readonly postings: Sums;
  readonly by: Record<(typeof dimensions)[number], { counted: Sums; moved: Sums }>;
}

function* sumReceipts(database: DatabaseSync, findings: Finding[]): Generator<void, ReceiptSums> {
  const none = (): { counted: Sums; moved: Sums } => ({ counted: new Map(), moved: new Map() });
  const by = { key: none(), team: none(), model: none(), day: none() };
  const sums: ReceiptSums = { receipts: 0, attempts: 0, postings: new Map(), by };
  const page = database.prepare(
    `SELECT row, id, posting, day, key, project, team, outcome, attempts, tokens, cost_nano, body
     FROM receipts WHERE row > ? ORDER BY row LIMIT ${receiptsInStep}`,
  );
  page.setReadBigInts(true);
  for (let after = 0n; ;) {
    const rows = page.all(after) as unknown as ReceiptRow[];
    for (const row of rows) {
      sums.receipts += 1;
      try {
        addReceipt(sums, row, findings);
      } catch (error) {
        const [check, subject, found] = ['receipt is readable', row.id, String(error)];
        findings.push({ check, subject, expected: 'a receipt', found });
      }
    }
    if (rows.length < receiptsInStep) return sums;
    after = rows.at(-1)!.row;
    yield;
  }
}

interface ReceiptRow {
  readonly row: bigint;
  readonly id: string;
  readonly posting: bigint;
  readonly day: bigint;
  readonly key: string;
  readonly project: string;
  readonly team: string;
  readonly outcome: string;
  readonly attempts: bigint;
  readonly tokens: bigint;
  readonly cost_nano: bigint;
  readonly body: string;
}

function addReceipt(sums: ReceiptSums, row: ReceiptRow, findings: Finding[]): void {
  const receipt = parseReceipt(row.body);
  const dayNumber = Math.floor(receipt.admittedAtMs / dayMs);
  const day = renderDay(dayNumber);
  const { key, project, team } = receipt.subjects;
  const last = receipt.attempts.at(-1);
  let [allTokens, allCost] = [0, 0n];
  const count = (model: string, currency: string, figures: readonly bigint[]): void => {
    const subjects = { key, team, model, day };
    for (const dimension of dimensions) {
      const { counted, moved } = sums.by[dimension];
      const subject = `${subjects[dimension]} ${currency}`;
      add(counted, subject, figures);
      if (figures[4] !== 0n) add(moved, subject, figures.slice(4));
    }
    if (figures[4] !== 0n) add(sums.postings, `${row.posting} ${currency}`, figures.slice(4));
  };
  if (!last) count(receipt.requestedModel ?? '', '', [1n, 0n, 0n, 0n, 0n]);
  for (const attempt of receipt.attempts) {
    const tokens = totalsOf(attempt.lines.map((priced) => priced.line));
    const cost = totalCost(attempt);
    sums.attempts += 1;
    allTokens += tokens.input + tokens.output;
    allCost += cost;
    const figures = [attempt === last ? 1n : 0n, 1n, BigInt(tokens.input), BigInt(tokens.output), cost];
    count(attempt.model, attempt.currency, figures);
  }
  const subjects = [receipt.id, dayNumber, key, project, team, receipt.outcome];
  const expected = [...subjects, receipt.attempts.length, allTokens, allCost].join(', ');
  const rowSubjects = [row.id, row.day, row.key, row.project, row.team, row.outcome];
  const found = [...rowSubjects, row.attempts, row.tokens, row.cost_nano].join(', ');
  if (found !== expected) findings.push({ check: 'row = its receipt', subject: row.id, expected, found });
}

const sumPostings = (database: DatabaseSync): Sums =>
  read(
    database,
    `SELECT posting || ' ' || currency AS subject, SUM(amount_nano) FROM movements
     WHERE account GLOB 'project:*' GROUP BY posting, currency`,
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
  SELECT 'entries of a posting sum to zero' AS "check", posting || ' ' || currency AS subject,
    '0' AS expected, CAST(SUM(amount_nano) AS TEXT) AS found
  FROM movements GROUP BY posting, currency HAVING SUM(amount_nano) <> 0`;

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
