import { hostname } from 'node:os';
import type { Client } from 'pg';
import { connect, disconnect, inTransaction, type ConnectOptions } from '#postgres/connect.ts';
import { isInTheWay, isRefused } from '#postgres/failures.ts';
import { prepare } from '#postgres/migrate.ts';
import { askInTime, type Asking } from '../asking.ts';
import type { Books, BookTables, NodeBooks } from '../books.ts';
import type { PostgresPlace } from './place.ts';
import { settleDead } from '../post-batch.ts';
import { askClient } from './ask-client.ts';
import { PostgresTables } from './postgres-tables.ts';
import { ledgerPart } from './schema.ts';

/** A node that stands still in the middle of a transaction holds up all others no longer than this. */
const idleTransactionMs = 5_000;
/** The longest wait for whoever else writes; then it is tried again. */
const lockMs = 20_000;
const beatMs = 2_000;

/**
 * The books of many nodes, in PostgreSQL. A visitor, such as a command, is no node: it does not say that it is there.
 * @throws Error when it cannot be reached, or was written by a later version.
 */
export async function openPostgresBooks(
  place: PostgresPlace,
  { isVisitor = false }: { readonly isVisitor?: boolean } = {},
): Promise<Books> {
  const client = await connect({ server: place.server, name: 'ledger', idleTransactionMs, lockMs });
  try {
    await prepare(client, ledgerPart);
    const books = new PostgresBooks(place, client);
    if (!isVisitor) await books.begin();
    return books;
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

class PostgresBooks implements Books {
  readonly #place: PostgresPlace;
  readonly #client: Client;
  readonly #tables: PostgresTables;
  #beats: NodeJS.Timeout | null = null;
  /** For questions, so that they wait for no transaction. */
  #reader: Promise<Client> | null = null;
  /** Transactions of this node, one after the other. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(place: PostgresPlace, client: Client) {
    this.#place = place;
    this.#client = client;
    this.#tables = new PostgresTables(client, place.node);
  }

  async begin(): Promise<void> {
    await this.#beat();
    // Where it fails the next transaction fails, too, and says so.
    this.#beats = setInterval(() => void this.#beat().catch(() => undefined), beatMs);
  }

  /** Says that this node is there, and settles what those left open that are not. */
  async #beat(): Promise<void> {
    const { node, goneAfterMs = 60_000 } = this.#place;
    const client = await this.#reading();
    await client.query(
      `INSERT INTO ledger_nodes (node, host, seen_at) VALUES ($1, $2, now())
       ON CONFLICT (node) DO UPDATE SET host = excluded.host, seen_at = now(), settled_at = NULL`,
      [node, hostname()],
    );
    const gone = `seen_at < now() - make_interval(secs => ${goneAfterMs / 1_000})`;
    const { rows } = await client.query(
      `SELECT node FROM ledger_nodes WHERE ${gone} AND (settled_at IS NULL OR node IN (SELECT node FROM open_attempts))`,
    );
    for (const row of rows)
      await this.write(async (tables) => {
        // Whoever has come back meanwhile settles its own.
        const { rowCount } = await this.#client.query(
          `UPDATE ledger_nodes SET settled_at = now() WHERE node = $1 AND ${gone}`,
          [row.node],
        );
        if (rowCount === 1) await settleDead(tables, { node: String(row.node) });
      });
  }

  write<T>(work: (tables: BookTables) => Promise<T>): Promise<T> {
    return this.#write(this.#tables, work);
  }

  knownSegments(names: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#knownSegments(this.#place.node, names);
  }

  segmentNames(): Promise<string[]> {
    return this.#segmentNames(this.#place.node);
  }

  of(node: string): NodeBooks {
    const tables = new PostgresTables(this.#client, node);
    return {
      write: (work) => this.#write(tables, work),
      knownSegments: (names) => this.#knownSegments(node, names),
      segmentNames: () => this.#segmentNames(node),
      isRefusal: (error) => this.isRefusal(error),
    };
  }

  #write<T>(tables: PostgresTables, work: (tables: BookTables) => Promise<T>): Promise<T> {
    const written = this.#writing.then(() =>
      inTransaction(this.#client, async () => {
        try {
          await tables.lockHead();
          const result = await work(tables);
          await tables.writeHead();
          return result;
        } catch (error) {
          tables.forgetDays();
          throw error;
        }
      }),
    );
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #knownSegments(node: string, names: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#client.query(
      'SELECT name FROM segments WHERE node = $1 AND name = ANY ($2)',
      [node, names],
    );
    return new Set(rows.map((row) => String(row.name)));
  }

  async #segmentNames(node: string): Promise<string[]> {
    const { rows } = await this.#client.query('SELECT name FROM segments WHERE node = $1', [node]);
    return rows.map((row) => String(row.name));
  }

  async ask<T>(asking: Asking<T>): Promise<T> {
    return askInTime(asking, askClient(await this.#reading()));
  }

  async survey<T>(asking: Asking<T>, signal: AbortSignal): Promise<T> {
    const client = await this.#connect({ name: 'survey', statementMs: null });
    const answer = askClient(client);
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      return await askInTime(asking, (statement) => {
        signal.throwIfAborted();
        return answer(statement);
      });
    } finally {
      await disconnect(client);
    }
  }

  isRefusal(error: unknown): boolean {
    return isRefused(error) || error instanceof TypeError || error instanceof RangeError;
  }

  isBusy(error: unknown): boolean {
    return isInTheWay(error);
  }

  async close(): Promise<void> {
    if (this.#beats) clearInterval(this.#beats);
    await this.#writing;
    const reader = await this.#reader?.catch(() => null);
    await Promise.all([disconnect(this.#client), reader && disconnect(reader)]);
  }

  /** A connection that broke is replaced with the next question. */
  #reading(): Promise<Client> {
    this.#reader ??= this.#connect({ name: 'ledger questions' }).then(
      (client) => client.once('end', () => (this.#reader = null)),
      (error: unknown) => {
        this.#reader = null;
        throw error;
      },
    );
    return this.#reader;
  }

  #connect(options: Omit<ConnectOptions, 'server'>): Promise<Client> {
    return connect({ server: this.#place.server, ...options });
  }
}
