import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../../test/harness/postgres.ts';
import { bytesArray } from '#postgres/binary-array.ts';
import type { LedgerPlace } from '../store/open-books.ts';

/** The books as a person with the database's own client sees them. */
export interface RawBooks {
  query(sql: string, values?: readonly (string | number)[]): Promise<Record<string, unknown>[]>;
  /** Bytes are a parameter of their own kind. */
  setContent(block: number, content: Buffer): Promise<void>;
  /** Changes what a trigger protects. */
  unprotect(): Promise<void>;
  close(): Promise<void>;
}

/** A database that can hold the books. */
export interface TestStore {
  readonly name: string;
  /** Of a ledger of its own, which is the same for the same folder. */
  place(folder: string): Promise<LedgerPlace>;
  open(place: LedgerPlace): Promise<RawBooks>;
}

let server: Promise<TestPostgres> | null = null;
const urls = new Map<string, Promise<string>>();

/** The server of this test file, started by whoever needs it first. */
export const postgresServer = (): Promise<TestPostgres> => (server ??= startPostgres());

// Within a test it would be the test's end.
after(async () => (await server)?.stop());

export const sqliteStore: TestStore = {
  name: 'SQLite',
  place: async (folder) => ({
    databasePath: join(folder, 'ledger.db'),
    journalDirectory: folder,
    postgres: null,
  }),
  async open({ databasePath }) {
    const database = new DatabaseSync(databasePath);
    return {
      query: async (sql, values = []) => database.prepare(sql).all(...values),
      async setContent(block, content) {
        database.prepare('UPDATE bodies SET content = ? WHERE block = ?').run(content, block);
      },
      async unprotect() {
        database.exec('DROP TRIGGER movements_are_immutable; DROP TRIGGER movements_are_kept');
      },
      close: async () => database.close(),
    };
  },
};

export const postgresStore: TestStore = {
  name: 'PostgreSQL',
  async place(folder) {
    if (!urls.has(folder))
      urls.set(
        folder,
        postgresServer().then((running) => running.createDatabase()),
      );
    const server = { url: await urls.get(folder)!, connectTimeoutMs: 5_000, tls: null };
    return { databasePath: '', journalDirectory: folder, postgres: { server, node: 'n1' } };
  },
  async open({ postgres }) {
    const client = new pg.Client({ connectionString: postgres!.server.url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('SET search_path = sluice');
    return {
      async query(sql, values = []) {
        let at = 0;
        const numbered = sql.replaceAll('?', () => `$${(at += 1)}`);
        return (await client.query(numbered, [...values])).rows;
      },
      async setContent(block, content) {
        await client.query('UPDATE bodies SET content = ($2::bytea[])[1] WHERE block = $1', [
          block,
          bytesArray([content]),
        ]);
      },
      async unprotect() {
        await client.query('ALTER TABLE movements DISABLE TRIGGER ALL');
      },
      close: () => client.end(),
    };
  },
};

export const stores: readonly TestStore[] = [sqliteStore, postgresStore];

/** One test for each database: what holds of the one must hold of the other. */
export function onEachStore(
  title: string,
  run: (context: TestContext, store: TestStore) => Promise<void>,
): void {
  for (const store of stores) test(`${store.name}: ${title}`, (context) => run(context, store));
}
