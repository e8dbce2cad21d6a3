import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { askAtOnce } from '../asking.ts';
import type { BatchTotals, CounterSum } from '../batch-sums.ts';
import { packBodies } from '../body-block.ts';
import type { BooksHead, BookTables, Dead, DeadAttempt, NumberedEntry } from '../books.ts';
import { columnText } from '../column-text.ts';
import type { PrunedDay } from '../pruned-sums.ts';
import { readStanding, mapPlace, placeColumns } from '../read-bodies.ts';
import { askDatabase } from './ask-database.ts';
import { SqliteWebhooks } from './sqlite-webhooks.ts';

const sums = ['requests', 'attempts', 'errors', 'input', 'output', 'cache_read', 'cache_write', 'reasoning'];
const addSums = [...sums, 'cost_nano', 'price_nano']
  .map((name) => `${name} = ${name} + excluded.${name}`)
  .join(', ');

/** The tables in SQLite, by statements that are prepared once and run for each row: nothing is cheaper there. */
export class SqliteTables implements BookTables {
  head: BooksHead = { posting: 0, sequence: 0, keptFromDay: 0 };
  readonly #database: DatabaseSync;
  readonly webhooks: SqliteWebhooks;
  readonly #node: string;
  readonly #prepared = new Map<string, StatementSync>();

  /** `node`: whose segments are entered; empty: this one's. */
  constructor(database: DatabaseSync, node = '') {
    this.#database = database;
    this.webhooks = new SqliteWebhooks(database);
    this.#node = node;
  }

  readHead(): void {
    const row = this.#run('SELECT posting, sequence, kept_from_day FROM head').get()!;
    const [posting, sequence] = [Number(row['posting']), Number(row['sequence'])];
    this.head = { posting, sequence, keptFromDay: Number(row['kept_from_day']) };
  }

  writeHead(): void {
    const { posting, sequence, keptFromDay } = this.head;
    this.#run('UPDATE head SET posting = ?, sequence = ?, kept_from_day = ?').run(
      posting,
      sequence,
      keptFromDay,
    );
  }

  async addSegments(segments: Parameters<BookTables['addSegments']>[0]): Promise<void> {
    const add = this.#run('INSERT INTO segments VALUES (?, ?, ?)');
    for (const { name, trustedBytes } of segments)
      add.run(nameAmongNodes(this.#node, name), trustedBytes, Date.now());
  }

  async forgetSegments(names: readonly string[]): Promise<void> {
    const forget = this.#run('DELETE FROM segments WHERE name = ?');
    for (const name of names) forget.run(nameAmongNodes(this.#node, name));
  }

  async bodies(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const find = this.#run(`SELECT ${placeColumns} FROM receipts WHERE id = ?`);
    const places = ids.flatMap((id) => {
      const row = find.get(id);
      return row ? [mapPlace(row)] : [];
    });
    return askAtOnce(readStanding(places), askDatabase(this.#database));
  }

  async addReceipts(entries: readonly NumberedEntry[]): Promise<void> {
    const add = this.#run(`INSERT INTO receipts VALUES (${Array(19).fill('?').join(', ')})`);
    for (const { receipt, of, sequence, idDay, block, tokens, costNano } of entries) {
      const { day, key, project, team, service, model, provider, route, outcome } = of;
      const { id, admittedAtMs, traceId } = receipt;
      add.run(
        ...([sequence, idDay, id, block, this.head.posting, day, admittedAtMs, route, outcome] as const),
        ...([key, project, team, service, model, provider, traceId && columnText(traceId)] as const),
        ...([receipt.attempts.length, tokens, costNano] as const),
      );
    }
    const pack = this.#run('INSERT INTO bodies VALUES (?, ?, ?, ?)');
    for (const [block, packed] of Map.groupBy(entries, (entry) => entry.block)) {
      const { sequence, idDay } = packed.at(-1)!;
      pack.run(block, sequence, idDay, packBodies(packed.map(({ body }) => body)));
    }
  }

  async addCorrections(corrections: Parameters<BookTables['addCorrections']>[0]): Promise<void> {
    const add = this.#run('INSERT INTO corrections VALUES (?, ?, ?, ?, ?)');
    for (const { sequence, id, reason, body } of corrections)
      add.run(sequence, id, this.head.posting, reason, packBodies([body]));
  }

  async addTotals({ counters, byTeam, byService, movements, panes }: BatchTotals): Promise<void> {
    const counter = this.#run(upsert('counters', 9));
    for (const sum of counters) {
      const { day, key, project, team, model, provider, route, outcome, currency } = sum.of;
      const names = [day, key, project, team, model, provider, route, outcome, currency] as const;
      counter.run(...names, ...figuresOf(sum));
    }
    const team = this.#run(upsert('usage_by_team', 6));
    for (const sum of byTeam) {
      const { of } = sum;
      team.run(of.day, of.project, of.team, of.model, of.provider, of.currency, ...figuresOf(sum));
    }
    const service = this.#run(upsert('usage_by_service', 7));
    for (const sum of byService) {
      const { of } = sum;
      const names = [of.day, of.project, of.team, of.service, of.model, of.provider, of.currency] as const;
      service.run(...names, ...figuresOf(sum));
    }
    const movement = this.#run('INSERT INTO movements VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    for (const { of, account, amount } of movements)
      movement.run(this.head.posting, account, of.currency, amount, of.day, of.key, of.team, of.model);
    const book = this.#run(
      `INSERT INTO booked VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET at_ms = MAX(at_ms, excluded.at_ms), amount = amount + excluded.amount`,
    );
    for (const { subject, windowMs, pane, atMs, amount } of panes)
      book.run(subject, windowMs, pane, atMs, amount);
  }

  async openAttempts(attempts: Parameters<BookTables['openAttempts']>[0]): Promise<void> {
    const open = this.#run(
      `INSERT INTO open_attempts (node, exchange, attempt, worker, incarnation, intent, progress)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    for (const { exchange, attempt, worker, incarnation, intent, progress } of attempts) {
      const life = nameAmongNodes(this.#node, incarnation);
      const mark = progress && JSON.stringify(progress);
      open.run(this.#node, exchange, attempt, worker, life, intent, mark);
    }
  }

  async markAttempts(
    marks: Parameters<BookTables['markAttempts']>[0],
  ): ReturnType<BookTables['markAttempts']> {
    const mark = this.#run(
      `UPDATE open_attempts SET progress = CASE WHEN COALESCE(progress ->> 'atMs', 0) <= ?4 THEN ?3 ELSE progress END
       WHERE exchange = ?1 AND attempt = ?2`,
    );
    return marks.filter((each) => {
      const { exchange, attempt, atMs } = each;
      return mark.run(exchange, attempt, JSON.stringify(each), atMs).changes === 0;
    });
  }

  async closeAttempts(names: Parameters<BookTables['closeAttempts']>[0]): Promise<void> {
    const close = this.#run('DELETE FROM open_attempts WHERE exchange = ? AND attempt = ?');
    for (const { exchange, attempt } of names) close.run(exchange, attempt);
  }

  async deadAttempts(dead: Dead): Promise<DeadAttempt[]> {
    if (typeof dead === 'object' && 'node' in dead)
      throw new Error('no other node settles for those in this ledger');
    if (dead === 'own')
      this.#run(
        `INSERT INTO dead_incarnations (node, worker, incarnation)
         SELECT DISTINCT node, worker, incarnation FROM open_attempts WHERE node = ? ON CONFLICT DO NOTHING`,
      ).run(this.#node);
    else
      this.#run(
        'INSERT INTO dead_incarnations (node, worker, incarnation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      ).run(this.#node, dead.worker, nameAmongNodes(this.#node, dead.incarnation));
    const rows = this.#run(
      `SELECT exchange, attempt, intent, progress FROM open_attempts JOIN dead_incarnations
         USING (node, worker, incarnation) ORDER BY exchange, attempt`,
    ).all();
    return rows as unknown as DeadAttempt[];
  }

  async addEvents(events: Parameters<BookTables['addEvents']>[0]): Promise<void> {
    const add = this.#run('INSERT INTO events VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    for (const { sequence, ...event } of events) add.run(sequence, event.id, JSON.stringify(event));
  }

  async addIncidents(incidents: Parameters<BookTables['addIncidents']>[0]): Promise<void> {
    const add = this.#run(
      'INSERT INTO incidents (kind, subject, position, reason, content) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    for (const { kind, subject, position, reason, content } of incidents)
      add.run(kind, subject, position, reason, content);
  }

  async dropDay(idDay: number, { sums, postings }: PrunedDay): Promise<void> {
    const sum = this.#run(`INSERT INTO pruned_sums VALUES (${Array(14).fill('?').join(', ')})`);
    for (const { of, figures } of sums)
      sum.run(idDay, of.day, of.key, of.team, of.model, of.service, of.currency, ...figures);
    const posted = this.#run('INSERT INTO pruned_postings VALUES (?, ?, ?, ?, ?)');
    for (const { posting, currency, costNano, priceNano } of postings)
      posted.run(idDay, posting, currency, costNano, priceNano);
    // Numbers within a block have no gap, and number is the key: so nobody has to look for the day's rows.
    const within = 'sequence BETWEEN ? AND ?';
    const uncorrect = this.#run(
      `DELETE FROM corrections WHERE id IN (SELECT id FROM receipts WHERE ${within})`,
    );
    const remove = this.#run(`DELETE FROM receipts WHERE ${within}`);
    for (const row of this.#run('SELECT block, last FROM bodies WHERE id_day = ?').all(idDay)) {
      const [block, last] = [Number(row['block']), Number(row['last'])];
      uncorrect.run(block, last);
      remove.run(block, last);
    }
    this.#run('DELETE FROM bodies WHERE id_day = ?').run(idDay);
  }

  async dropPanes(nowMs: number): Promise<void> {
    this.#run('DELETE FROM booked WHERE at_ms + window_ms < ?').run(nowMs);
  }

  async savepoint(work: () => Promise<void>): Promise<void> {
    this.#database.exec('SAVEPOINT receipt');
    try {
      await work();
      this.#database.exec('RELEASE receipt');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK TO receipt; RELEASE receipt');
      throw error;
    }
  }

  #run(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (!statement) this.#prepared.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

/** What is unique within a node, among all. This node's own stay as they are. */
export const nameAmongNodes = (node: string, name: string): string =>
  node === '' ? name : `${node}/${name}`;

const upsert = (table: string, names: number): string =>
  `INSERT INTO ${table} VALUES (${Array(names + 10)
    .fill('?')
    .join(', ')}) ON CONFLICT DO UPDATE SET ${addSums}`;

function figuresOf({ requests, attempts, errors, tokens, costNano, priceNano }: CounterSum) {
  const { input, output, cacheRead, cacheWrite, reasoning } = tokens;
  const amounts = [costNano, priceNano] as const;
  return [requests, attempts, errors, input, output, cacheRead, cacheWrite, reasoning, ...amounts] as const;
}
