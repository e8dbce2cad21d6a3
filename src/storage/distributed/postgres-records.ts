import type { Client } from 'pg';
import { connect, disconnect, serverOf, type PostgresServer } from '#postgres/connect.ts';
import { stateOf } from '#postgres/failures.ts';
import { prepare } from '#postgres/migrate.ts';
import type { SqlDatabase, SqlRow } from '../records/sql-database.ts';

const statementMs = 10_000;

/** Records in PostgreSQL. Nothing is connected to before the first question, and anew after a connection broke. */
export function openPostgresRecords(server: PostgresServer): SqlDatabase {
  let connecting: Promise<Client> | null = null;

  function connected(): Promise<Client> {
    connecting ??= connect({ server, name: 'records', statementMs }).then(
      (client) => client.once('end', () => (connecting = null)),
      (error: unknown) => {
        connecting = null;
        throw error;
      },
    );
    return connecting;
  }

  async function use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await work(await connected());
    } catch (error) {
      throw failureOf(server, error as Error);
    }
  }

  return {
    kind: 'postgres',
    query: (statement, values = []) =>
      use(async (client) => (await client.query(statement, [...values])).rows as SqlRow[]),
    migrate: (steps) =>
      use((client) =>
        prepare(client, { part: 'records', steps: steps.map((forward) => ({ forward, back: null })) }),
      ),
    async close() {
      const client = await connecting?.catch(() => null);
      if (client) await disconnect(client);
    },
  };
}

/** What a person is told: the place, the reason, and what to do where that can be said. */
function failureOf({ url }: PostgresServer, error: Error): Error {
  const place = `PostgreSQL at ${serverOf(url)}: `;
  const said = error.message.startsWith(place) ? error.message : place + error.message;
  const remedy = remedyOf(stateOf(error.cause ?? error));
  return new Error(remedy === null ? said : `${said} (${remedy})`, { cause: error });
}

/** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function remedyOf(state: string): string | null {
  if (state === '') return 'check that it runs, and that storage.postgres.url names it';
  if (state.startsWith('28')) return 'check user and password of storage.postgres.url, and pg_hba.conf';
  if (state === '3D000') return 'create that database, or name another in storage.postgres.url';
  if (state === '42501')
    return 'grant this user CREATE on the database, or run the first start as one who has it';
  return null;
}
