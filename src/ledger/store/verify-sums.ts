import { listOf, type Asking, type Row } from './asking.ts';
import { idDayOf, type Count, type CounterKey, type ReceiptEntry } from './receipt-entry.ts';
import { renderDay } from './usage-rows.ts';

export interface Finding {
  /** Which sum or rule does not hold. */
  readonly check: string;
  /** Of whom: a receipt, an attempt, a key, a day, … */
  readonly subject: string;
  /** By the receipts. */
  readonly expected: string;
  readonly found: string;
}

/** Figures by subject and currency: requests, attempts, errors, tokens in and out, cost, price; or some of them. */
export type Sums = Map<string, bigint[]>;

const summed = ['key', 'team', 'model', 'day', 'service'] as const;
type Summed = (typeof summed)[number];
/** What sums are held against each other by. */
export type SummedKey = Pick<CounterKey, Summed | 'currency'>;

const sumChecks: readonly { readonly table: string; readonly dimensions: readonly Summed[] }[] = [
  { table: 'counters', dimensions: ['key', 'team', 'model', 'day'] },
  { table: 'usage_by_team', dimensions: ['team', 'model', 'day'] },
  { table: 'usage_by_service', dimensions: ['service'] },
];
const moved: readonly Summed[] = ['key', 'team', 'model', 'day'];

/** A cost is a credit of the provider, a price a debit of the project. */
const movedAmounts = `-SUM(CASE WHEN account LIKE 'provider:%' THEN amount_nano ELSE 0 END) AS cost_nano,
  SUM(CASE WHEN account LIKE 'project:%' THEN amount_nano ELSE 0 END) AS price_nano`;

/** What the receipts that were read sum up to. */
export class ReceiptSums {
  /** Cost and price, by posting and currency. */
  readonly postings: Sums = new Map();
  readonly counted: Record<Summed, Sums> = {
    key: new Map(),
    team: new Map(),
    model: new Map(),
    day: new Map(),
    service: new Map(),
  };
  readonly moved: Record<Summed, Sums> = {
    key: new Map(),
    team: new Map(),
    model: new Map(),
    day: new Map(),
    service: new Map(),
  };

  /** @param sign -1 for what a correction takes back. */
  add({ counts }: ReceiptEntry, posting: number, sign: 1 | -1): void {
    for (const count of counts) {
      const figures = figuresOf(count, sign);
      this.addFigures(count.of, figures);
      this.addPosting(posting, count.of.currency, amountsOf(figures));
    }
  }

  addFigures(of: SummedKey, figures: readonly bigint[]): void {
    const { costNano, priceNano } = amountsOf(figures);
    for (const dimension of summed) {
      const value = of[dimension];
      if (value === '' && dimension === 'service') continue;
      const subject = `${dimension === 'day' ? renderDay(of.day) : value} ${of.currency}`;
      addTo(this.counted[dimension], subject, figures);
      if (costNano !== 0n || priceNano !== 0n) addTo(this.moved[dimension], subject, [costNano, priceNano]);
    }
  }

  addPosting(posting: number, currency: string, { costNano, priceNano }: Amounts): void {
    if (costNano !== 0n || priceNano !== 0n)
      addTo(this.postings, `${posting} ${currency}`, [costNano, priceNano]);
  }
}

export type Amounts = Pick<Count, 'costNano' | 'priceNano'>;

/** Requests, attempts, errors, tokens in and out, cost, price. */
export function figuresOf(count: Count, sign: 1 | -1): bigint[] {
  const { requests, attempts, errors, tokens, costNano, priceNano } = count;
  const whole = [requests, attempts, errors, tokens.input, tokens.output].map((n) => BigInt(sign * n));
  return [...whole, ...(sign < 0 ? [-costNano, -priceNano] : [costNano, priceNano])];
}

/** The last two of the figures. */
export const amountsOf = (figures: readonly bigint[]): Amounts => ({
  costNano: figures.at(-2)!,
  priceNano: figures.at(-1)!,
});

/** Holds counters and movements against the receipts. */
export function* compareSums(receipts: ReceiptSums, findings: Finding[]): Asking<void> {
  const inPostings = sumsOf(
    yield {
      sql: `SELECT posting AS subject, currency, ${movedAmounts} FROM movements GROUP BY posting, currency`,
      values: [],
    },
    ['cost_nano', 'price_nano'],
  );
  compare(findings, 'movements = their posting', receipts.postings, inPostings);
  for (const { table, dimensions } of sumChecks) {
    for (const dimension of dimensions) {
      const rows = yield {
        sql: `SELECT "${dimension}" AS subject, currency, SUM(requests) AS requests, SUM(attempts) AS attempts,
            SUM(errors) AS errors, SUM(input) AS input, SUM(output) AS output, SUM(cost_nano) AS cost_nano,
            SUM(price_nano) AS price_nano
          FROM ${table} GROUP BY "${dimension}", currency`,
        values: [],
      };
      const found = sumsOf(
        rows,
        ['requests', 'attempts', 'errors', 'input', 'output', 'cost_nano', 'price_nano'],
        dimension,
      );
      compare(findings, `${table} = receipts, by ${dimension}`, receipts.counted[dimension], found);
    }
  }
  for (const dimension of moved) {
    const rows = yield {
      sql: `SELECT "${dimension}" AS subject, currency, ${movedAmounts} FROM movements
        GROUP BY "${dimension}", currency`,
      values: [],
    };
    const found = sumsOf(rows, ['cost_nano', 'price_nano'], dimension);
    compare(findings, `movements = receipts, by ${dimension}`, receipts.moved[dimension], found);
  }
}

/** What is wrong whatever the receipts say. */
export function* findFaults(findings: Finding[]): Asking<void> {
  const unbalanced = yield {
    sql: `SELECT posting, currency, SUM(amount_nano) AS amount FROM movements
      GROUP BY posting, currency HAVING SUM(amount_nano) <> 0`,
    values: [],
  };
  for (const row of unbalanced) {
    const subject = `${String(row['posting'])} ${String(row['currency'])}`;
    const found = String(row['amount']);
    findings.push({ check: 'entries of a posting sum to zero', subject, expected: '0', found });
  }
  yield* findDangling(findings);
  const incidents = yield { sql: 'SELECT kind, subject, position, reason FROM incidents', values: [] };
  for (const row of incidents) {
    const subject = `${String(row['kind'])} ${String(row['subject'])} at ${String(row['position'])}`;
    const found = String(row['reason']);
    findings.push({ check: 'nothing was set aside', subject, expected: 'no incident', found });
  }
}

const attemptsInStep = 500;

function* findDangling(findings: Finding[]): Asking<void> {
  const check = 'every attempt is on a receipt';
  const dead = yield {
    sql: `SELECT exchange, attempt FROM open_attempts JOIN dead_incarnations USING (node, worker, incarnation)`,
    values: [],
  };
  for (const row of dead) {
    const found = 'open, though its worker is dead';
    findings.push({ check, subject: attemptOf(row), expected: 'a line', found });
  }
  const gone = new Set(dead.map(attemptOf));
  const open = yield { sql: 'SELECT exchange, attempt FROM open_attempts', values: [] };
  for (let at = 0; at < open.length; at += attemptsInStep) {
    const step = open.slice(at, at + attemptsInStep);
    const ids = step.map((row) => String(row['exchange']));
    const days = [...new Set(ids.map(idDayOf))];
    const rows = yield {
      sql: `SELECT id FROM receipts WHERE id_day IN ${listOf(days)} AND id IN ${listOf(ids)}`,
      values: [...days, ...ids],
    };
    const settled = new Set(rows.map((row) => String(row['id'])));
    for (const row of step) {
      if (!settled.has(String(row['exchange'])) || gone.has(attemptOf(row))) continue;
      findings.push({ check, subject: attemptOf(row), expected: 'a line', found: 'none on the receipt' });
    }
  }
}

const attemptOf = (row: Row): string => `${String(row['exchange'])}/${String(row['attempt'])}`;

function sumsOf(rows: readonly Row[], figures: readonly string[], dimension?: Summed): Sums {
  const sums: Sums = new Map();
  for (const row of rows) {
    const value = dimension === 'day' ? renderDay(Number(row['subject'])) : String(row['subject']);
    const found = figures.map((name) => BigInt(row[name] as bigint));
    addTo(sums, `${value} ${String(row['currency'])}`, found);
  }
  return sums;
}

function addTo(sums: Sums, subject: string, figures: readonly bigint[]): void {
  const known = sums.get(subject);
  if (!known) sums.set(subject, [...figures]);
  else figures.forEach((figure, index) => (known[index] = known[index]! + figure));
}

function compare(findings: Finding[], check: string, expected: Sums, found: Sums): void {
  for (const subject of new Set([...expected.keys(), ...found.keys()])) {
    const [right, is] = [render(expected.get(subject)), render(found.get(subject))];
    if (right !== is) findings.push({ check, subject, expected: right, found: is });
  }
}

/** What was taken back whole is nothing. */
const render = (figures: readonly bigint[] | undefined): string =>
  figures?.some((figure) => figure !== 0n) ? figures.join(', ') : 'nothing';
