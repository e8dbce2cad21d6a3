import type { Client } from 'pg';
import { bytesArray, int8Array, textArray } from '#postgres/binary-array.ts';
import { askInTime } from '../asking.ts';
import type { BatchTotals, CounterSum } from '../batch-sums.ts';
import { packBodies } from '../body-block.ts';
import type { BooksHead, BookTables, Dead, DeadAttempt, NumberedEntry } from '../books.ts';
import { cleanText, columnText } from '../column-text.ts';
import { prunedFigures, type PrunedDay } from '../pruned-sums.ts';
import { idDayOf, type CounterKey } from '../receipt-entry.ts';
import { mapPlace, placeColumns, readStanding } from '../read-bodies.ts';
import { askClient } from './ask-client.ts';
import { addPartitions, dropPartitions } from './partitions.ts';
import { PostgresWebhooks } from './postgres-webhooks.ts';

const sums = ['requests', 'attempts', 'errors', 'input', 'output', 'cache_read', 'cache_write', 'reasoning'];

/** The tables in PostgreSQL: each batch of rows is one statement over arrays. */
export class PostgresTables implements BookTables {
  head: BooksHead = { posting: 0, sequence: 0, keptFromDay: 0 };
  readonly webhooks: PostgresWebhooks;
  readonly #client: Client;
  readonly #node: string;
  /** Partitions that are surely there. */
  readonly #days = new Set<number>();

  constructor(client: Client, node: string) {
    this.#client = client;
    this.#node = node;
    this.webhooks = new PostgresWebhooks(client, node);
  }

  /** Waits until nobody else writes. */
  async lockHead(): Promise<void> {
    const { rows } = await this.#client.query('SELECT posting, sequence, kept_from_day FROM head FOR UPDATE');
    const { posting, sequence, kept_from_day: keptFromDay } = rows[0];
    this.head = { posting: Number(posting), sequence: Number(sequence), keptFromDay };
  }

  async writeHead(): Promise<void> {
    const { posting, sequence, keptFromDay } = this.head;
    const values = [posting, sequence, keptFromDay];
    await this.#client.query('UPDATE head SET posting = $1, sequence = $2, kept_from_day = $3', values);
  }

  /** The transaction was undone, and with it what it made. */
  forgetDays(): void {
    this.#days.clear();
  }

  async addSegments(segments: Parameters<BookTables['addSegments']>[0]): Promise<void> {
    await this.#client.query(
      'INSERT INTO segments (node, name, position) SELECT $1, * FROM unnest($2::text[], $3::int8[])',
      [
        this.#node,
        textArray(segments.map(({ name }) => name)),
        int8Array(segments.map(({ trustedBytes }) => trustedBytes)),
      ],
    );
  }

  async forgetSegments(names: readonly string[]): Promise<void> {
    const values = [this.#node, textArray(names)];
    await this.#client.query('DELETE FROM segments WHERE node = $1 AND name = ANY ($2::text[])', values);
  }

  async bodies(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const places = [];
    // By day, so that only its partition is looked at.
    for (const [day, ofDay] of Map.groupBy(ids, idDayOf)) {
      const { rows } = await this.#client.query(
        `SELECT ${placeColumns} FROM receipts WHERE id_day = $1 AND id = ANY ($2::text[])`,
        [day, textArray(ofDay.map(cleanText))],
      );
      places.push(...rows.map(mapPlace));
    }
    return askInTime(readStanding(places), askClient(this.#client));
  }

  async addReceipts(entries: readonly NumberedEntry[]): Promise<void> {
    await this.#makePartitions(entries);
    const int8 = (of: (entry: NumberedEntry) => number | bigint) => int8Array(entries.map(of));
    const text = (of: (entry: NumberedEntry) => string | null) => textArray(entries.map(of));
    const name = (of: keyof CounterKey) => text((entry) => String(entry.of[of]));
    await this.#client.query(
      `INSERT INTO receipts (sequence, id_day, id, block, posting, day, admitted_at_ms, route, outcome, key, project,
         team, service, model, provider, trace_id, attempts, tokens, cost_nano)
       SELECT sequence, id_day, id, block, $1, day, admitted_at_ms, route, outcome, key, project, team, service, model,
         provider, trace_id, attempts, tokens, cost_nano
       FROM unnest($2::int8[], $3::int8[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::text[], $9::text[],
         $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int8[],
         $18::int8[], $19::int8[])
         AS entry (sequence, id_day, id, block, day, admitted_at_ms, route, outcome, key, project, team, service, model,
           provider, trace_id, attempts, tokens, cost_nano)`,
      [
        this.head.posting,
        int8(({ sequence }) => sequence),
        int8(({ idDay }) => idDay),
        text(({ receipt }) => receipt.id),
        int8(({ block }) => block),
        int8(({ of }) => of.day),
        int8(({ receipt }) => receipt.admittedAtMs),
        ...(['route', 'outcome', 'key', 'project', 'team', 'service', 'model', 'provider'] as const).map(
          name,
        ),
        text(({ receipt }) => receipt.traceId && columnText(receipt.traceId)),
        int8(({ receipt }) => receipt.attempts.length),
        int8(({ tokens }) => tokens),
        int8(({ costNano }) => costNano),
      ],
    );
    const blocks = [...Map.groupBy(entries, ({ block }) => block).values()];
    await this.#client.query(
      `INSERT INTO bodies (block, last, id_day, content)
       SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[])`,
      [
        int8Array(blocks.map((packed) => packed[0]!.block)),
        int8Array(blocks.map((packed) => packed.at(-1)!.sequence)),
        int8Array(blocks.map((packed) => packed[0]!.idDay)),
        bytesArray(blocks.map((packed) => packBodies(packed.map(({ body }) => body)))),
      ],
    );
  }

  async addCorrections(corrections: Parameters<BookTables['addCorrections']>[0]): Promise<void> {
    await this.#client.query(
      `INSERT INTO corrections (sequence, id, posting, reason, content)
       SELECT sequence, id, $1, reason, content
       FROM unnest($2::int8[], $3::text[], $4::text[], $5::bytea[]) AS correction (sequence, id, reason, content)`,
      [
        this.head.posting,
        int8Array(corrections.map(({ sequence }) => sequence)),
        textArray(corrections.map(({ id }) => id)),
        textArray(corrections.map(({ reason }) => reason)),
        bytesArray(corrections.map(({ body }) => packBodies([body]))),
      ],
    );
  }

  async addTotals({ counters, byTeam, byService, movements, panes }: BatchTotals): Promise<void> {
    const route = ['key', 'project', 'team', 'model', 'provider', 'route', 'outcome', 'currency'] as const;
    await this.#addSums('counters', route, counters);
    await this.#addSums('usage_by_team', ['project', 'team', 'model', 'provider', 'currency'], byTeam);
    const service = ['project', 'team', 'service', 'model', 'provider', 'currency'] as const;
    await this.#addSums('usage_by_service', service, byService);
    if (movements.length > 0)
      await this.#client.query(
        `INSERT INTO movements (posting, account, currency, amount_nano, day, key, team, model)
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::text[])`,
        [
          this.head.posting,
          textArray(movements.map(({ account }) => account)),
          textArray(movements.map(({ of }) => of.currency)),
          int8Array(movements.map(({ amount }) => amount)),
          int8Array(movements.map(({ of }) => of.day)),
          ...(['key', 'team', 'model'] as const).map((name) =>
            textArray(movements.map(({ of }) => of[name])),
          ),
        ],
      );
    if (panes.length > 0)
      await this.#client.query(
        `INSERT INTO booked (subject, window_ms, pane, at_ms, amount)
         SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::int8[])
         ON CONFLICT (subject, window_ms, pane) DO UPDATE
           SET at_ms = GREATEST(booked.at_ms, excluded.at_ms), amount = booked.amount + excluded.amount`,
        [
          textArray(panes.map(({ subject }) => cleanText(subject))),
          int8Array(panes.map(({ windowMs }) => windowMs)),
          int8Array(panes.map(({ pane }) => pane)),
          int8Array(panes.map(({ atMs }) => atMs)),
          int8Array(panes.map(({ amount }) => amount)),
        ],
      );
  }

  async openAttempts(attempts: Parameters<BookTables['openAttempts']>[0]): Promise<void> {
    await this.#client.query(
      `INSERT INTO open_attempts (node, exchange, attempt, worker, incarnation, intent, progress, progress_at_ms)
       SELECT $1, * FROM unnest($2::text[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::int8[])
       ON CONFLICT DO NOTHING`,
      [
        this.#node,
        textArray(attempts.map(({ exchange }) => exchange)),
        int8Array(attempts.map(({ attempt }) => attempt)),
        int8Array(attempts.map(({ worker }) => worker)),
        textArray(attempts.map(({ incarnation }) => incarnation)),
        textArray(attempts.map(({ intent }) => intent)),
        textArray(attempts.map(({ progress }) => progress && JSON.stringify(progress))),
        int8Array(attempts.map(({ progress }) => progress?.atMs ?? 0)),
      ],
    );
  }

  async markAttempts(
    marks: Parameters<BookTables['markAttempts']>[0],
  ): ReturnType<BookTables['markAttempts']> {
    const { rows } = await this.#client.query(
      `UPDATE open_attempts AS open SET
         progress = CASE WHEN open.progress_at_ms <= mark.at_ms THEN mark.progress ELSE open.progress END,
         progress_at_ms = GREATEST(open.progress_at_ms, mark.at_ms)
       FROM unnest($1::text[], $2::int8[], $3::int8[], $4::text[]) AS mark (exchange, attempt, at_ms, progress)
       WHERE open.exchange = mark.exchange AND open.attempt = mark.attempt
       RETURNING open.exchange || '/' || open.attempt AS name`,
      [
        textArray(marks.map(({ exchange }) => exchange)),
        int8Array(marks.map(({ attempt }) => attempt)),
        int8Array(marks.map(({ atMs }) => atMs)),
        textArray(marks.map((mark) => JSON.stringify(mark))),
      ],
    );
    const open = new Set(rows.map((row) => String(row.name)));
    return marks.filter(({ exchange, attempt }) => !open.has(`${exchange}/${attempt}`));
  }

  async closeAttempts(names: Parameters<BookTables['closeAttempts']>[0]): Promise<void> {
    await this.#client.query(
      `DELETE FROM open_attempts AS open USING unnest($1::text[], $2::int8[]) AS closed (exchange, attempt)
       WHERE open.exchange = closed.exchange AND open.attempt = closed.attempt`,
      [
        textArray(names.map(({ exchange }) => cleanText(exchange))),
        int8Array(names.map(({ attempt }) => attempt)),
      ],
    );
  }

  async deadAttempts(dead: Dead): Promise<DeadAttempt[]> {
    const columns = 'SELECT exchange, attempt, intent, progress FROM open_attempts';
    if (typeof dead === 'object' && 'node' in dead) {
      const sql = `${columns} WHERE node = $1 ORDER BY exchange, attempt`;
      return (await this.#client.query(sql, [dead.node])).rows;
    }
    if (dead === 'own')
      await this.#client.query(
        `INSERT INTO dead_incarnations SELECT DISTINCT node, worker, incarnation FROM open_attempts WHERE node = $1
         ON CONFLICT DO NOTHING`,
        [this.#node],
      );
    else
      await this.#client.query('INSERT INTO dead_incarnations VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
        this.#node,
        dead.worker,
        dead.incarnation,
      ]);
    const sql = `${columns} JOIN dead_incarnations USING (node, worker, incarnation) ORDER BY exchange, attempt`;
    return (await this.#client.query(sql)).rows;
  }

  async addEvents(events: Parameters<BookTables['addEvents']>[0]): Promise<void> {
    await this.#client.query(
      `INSERT INTO events (sequence, id, body) SELECT * FROM unnest($1::int8[], $2::text[], $3::text[])
       ON CONFLICT DO NOTHING`,
      [
        int8Array(events.map(({ sequence }) => sequence)),
        textArray(events.map(({ id }) => id)),
        textArray(events.map(({ sequence: _sequence, ...event }) => JSON.stringify(event))),
      ],
    );
  }

  async addIncidents(incidents: Parameters<BookTables['addIncidents']>[0]): Promise<void> {
    await this.#client.query(
      `INSERT INTO incidents (kind, subject, position, reason, content)
       SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING`,
      [
        textArray(incidents.map(({ kind }) => kind)),
        textArray(incidents.map(({ subject }) => columnText(subject))),
        int8Array(incidents.map(({ position }) => position)),
        textArray(incidents.map(({ reason }) => cleanText(reason))),
        textArray(incidents.map(({ content }) => content && cleanText(content))),
      ],
    );
  }

  async dropDay(idDay: number, { sums, postings }: PrunedDay): Promise<void> {
    await this.#client.query(
      `INSERT INTO pruned_sums (id_day, day, key, team, model, service, currency, ${prunedFigures.join(', ')})
       SELECT $1, * FROM unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[])`,
      [
        idDay,
        int8Array(sums.map(({ of }) => of.day)),
        ...(['key', 'team', 'model', 'service', 'currency'] as const).map((name) =>
          textArray(sums.map(({ of }) => of[name])),
        ),
        ...prunedFigures.map((_, at) => int8Array(sums.map(({ figures }) => figures[at]!))),
      ],
    );
    await this.#client.query(
      `INSERT INTO pruned_postings (id_day, posting, currency, cost_nano, price_nano)
       SELECT $1, * FROM unnest($2::int8[], $3::text[], $4::int8[], $5::int8[])`,
      [
        idDay,
        int8Array(postings.map(({ posting }) => posting)),
        textArray(postings.map(({ currency }) => currency)),
        int8Array(postings.map(({ costNano }) => costNano)),
        int8Array(postings.map(({ priceNano }) => priceNano)),
      ],
    );
    const ofDay = 'SELECT id FROM receipts WHERE id_day = $1';
    await this.#client.query(`DELETE FROM corrections WHERE id IN (${ofDay})`, [idDay]);
    await dropPartitions(this.#client, idDay);
    this.#days.delete(idDay);
  }

  async dropPanes(nowMs: number): Promise<void> {
    await this.#client.query('DELETE FROM booked WHERE at_ms + window_ms < $1', [nowMs]);
  }

  async savepoint(work: () => Promise<void>): Promise<void> {
    await this.#client.query('SAVEPOINT record');
    try {
      await work();
      await this.#client.query('RELEASE record');
    } catch (error) {
      await this.#client.query('ROLLBACK TO record; RELEASE record');
      this.forgetDays();
      throw error;
    }
  }

  async #makePartitions(entries: readonly NumberedEntry[]): Promise<void> {
    for (const day of new Set(entries.map(({ idDay }) => idDay))) {
      if (!this.#days.has(day)) await addPartitions(this.#client, day);
      this.#days.add(day);
    }
  }

  async #addSums(
    table: string,
    names: readonly Exclude<keyof CounterKey, 'day'>[],
    rows: readonly CounterSum[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const key = ['day', ...names].join(', ');
    const figures = [...sums, 'cost_nano', 'price_nano'];
    const types = ['int8', ...names.map(() => 'text'), ...figures.map(() => 'int8')];
    await this.#client.query(
      `INSERT INTO ${table} (${key}, ${figures.join(', ')})
       SELECT * FROM unnest(${types.map((type, at) => `$${at + 1}::${type}[]`).join(', ')})
       ON CONFLICT (${key}) DO UPDATE SET
         ${figures.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(', ')}`,
      [
        int8Array(rows.map(({ of }) => of.day)),
        ...names.map((name) => textArray(rows.map(({ of }) => of[name]))),
        int8Array(rows.map(({ requests }) => requests)),
        int8Array(rows.map(({ attempts }) => attempts)),
        int8Array(rows.map(({ errors }) => errors)),
        ...(['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const).map((name) =>
          int8Array(rows.map(({ tokens }) => tokens[name])),
        ),
        int8Array(rows.map(({ costNano }) => costNano)),
        int8Array(rows.map(({ priceNano }) => priceNano)),
      ],
    );
  }
}
