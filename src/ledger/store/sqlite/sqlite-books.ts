import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { askAtOnce, type Asking } from '../asking.ts';
import type { Books, BookTables, NodeBooks } from '../books.ts';
import { askDatabase } from './ask-database.ts';
import { openDatabase, openForReading } from './open-database.ts';
import { nameAmongNodes, SqliteTables } from './sqlite-tables.ts';

// https://www.sqlite.org/rescode.html
const busy = [5, 6];
/** SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE. */
const refusals = [18, 19, 20, 25];

/** The books of one machine, in one file. @throws Error when it was written by a later version, and SQLite's own errors. */
export function openSqliteBooks(path: string): Books {
  return new SqliteBooks(path);
}

class SqliteBooks implements Books {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #tables: SqliteTables;

  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase(path);
    this.#tables = new SqliteTables(this.#database);
  }

  write<T>(work: (tables: BookTables) => Promise<T>): Promise<T> {
    return this.#write(this.#tables, work);
  }

  async knownSegments(names: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#knownSegments('', names);
  }

  async segmentNames(): Promise<string[]> {
    return this.#segmentNames('');
  }

  of(node: string): NodeBooks {
    const tables = new SqliteTables(this.#database, node);
    return {
      write: (work) => this.#write(tables, work),
      knownSegments: async (names) => this.#knownSegments(node, names),
      segmentNames: async () => this.#segmentNames(node),
      isRefusal: (error) => this.isRefusal(error),
    };
  }

  /** Nothing that `work` waits for lets anybody else use the connection: the ledger does one thing at a time. */
  async #write<T>(tables: SqliteTables, work: (tables: BookTables) => Promise<T>): Promise<T> {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      tables.readHead();
      const result = await work(tables);
      tables.writeHead();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // After some errors (a full disk) SQLite has rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #knownSegments(node: string, names: readonly string[]): ReadonlySet<string> {
    const find = this.#database.prepare('SELECT 1 FROM segments WHERE name = ?');
    return new Set(names.filter((name) => find.get(nameAmongNodes(node, name)) !== undefined));
  }

  #segmentNames(node: string): string[] {
    const begin = nameAmongNodes(node, '');
    return this.#database
      .prepare('SELECT name FROM segments')
      .all()
      .map((row) => String(row['name']))
      .filter((name) => (node === '' ? !name.includes('/') : name.startsWith(begin)))
      .map((name) => name.slice(begin.length));
  }

  async ask<T>(asking: Asking<T>): Promise<T> {
    return askAtOnce(asking, askDatabase(this.#database));
  }

  /** On a connection of its own, a statement at a time: transactions and answers come in between. */
  async survey<T>(asking: Asking<T>, signal: AbortSignal): Promise<T> {
    const database = openForReading(this.#path);
    try {
      database.exec('BEGIN');
      const answer = askDatabase(database);
      for (let step = asking.next(); ;) {
        if (step.done) return step.value;
        await turn();
        signal.throwIfAborted();
        step = asking.next(answer(step.value));
      }
    } finally {
      database.close();
    }
  }

  isRefusal(error: unknown): boolean {
    const code = (error as { errcode?: number }).errcode;
    if (code === undefined) return error instanceof TypeError || error instanceof RangeError;
    return refusals.includes(code & 0xff);
  }

  isBusy(error: unknown): boolean {
    return busy.includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}
