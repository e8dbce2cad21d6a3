import { createRequire } from 'node:module';
import type * as Pg from 'pg';
import type pg from 'pg';
import type { PostgresSettings } from '#core/storage-settings.ts';
import { stateOf } from './failures.ts';

/** In which every table of the gateway is. */
export const schema = 'sluice';

export type PostgresServer = Pick<PostgresSettings, 'url' | 'connectTimeoutMs' | 'tls'>;

export interface ConnectOptions {
  readonly server: PostgresServer;
  /** What for: shown in `pg_stat_activity`. */
  readonly name: string;
  /** Ends transactions that stand still: nobody's lock outlives a node that is paused or cut off. */
  readonly idleTransactionMs?: number;
  /** The longest wait for a lock. */
  readonly lockMs?: number;
  /** The longest wait for an answer; null: without end. */
  readonly statementMs?: number | null;
}

/** Longer than the server itself needs to end a statement. */
const graceMs = 5_000;
const statementMs = 60_000;
const disconnectMs = 1_000;

/** Sums of whole numbers are `numeric`, too; what is not whole stays text, as nothing here is rounded. */
const wholeOf = (text: string): bigint | string => (text.includes('.') ? text : BigInt(text));

/** Loaded with the first connection: a gateway without a server does not need it. */
const load = () => createRequire(import.meta.url)('pg') as typeof Pg;

/** Whole numbers come as bigint, so that no amount is ever rounded. All else as usual. */
const typesOf = (types: typeof pg.types): pg.CustomTypesConfig => ({
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === types.builtins.INT8 || oid === types.builtins.NUMERIC
      ? wholeOf
      : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
});

/** There is nobody to talk to, which may change. */
export class DatabaseAway extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'DatabaseAway';
  }
}

/** Connects. @throws DatabaseAway, or Error where it will not change by itself; naming the server, never the password. */
export async function connect(options: ConnectOptions): Promise<pg.Client> {
  const client = new (load().Client)(configOf(options));
  // A connection that breaks while nobody asks: the next question says so.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(`SET search_path = ${schema}, public`);
  } catch (error) {
    await disconnect(client);
    throw explain(options.server, error);
  }
  return client;
}

function configOf({ server, name, ...limits }: ConnectOptions): pg.ClientConfig {
  const { url, connectTimeoutMs, tls } = server;
  const endsMs = limits.statementMs === undefined ? statementMs : limits.statementMs;
  return {
    connectionString: url,
    application_name: `sluice ${name}`,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: typesOf(load().types),
    ...(tls
      ? { ssl: { ca: tls.ca ?? undefined, cert: tls.cert ?? undefined, key: tls.key ?? undefined } }
      : {}),
    // By the server where it lives, and by our own clock where it hangs.
    ...(endsMs === null ? {} : { statement_timeout: endsMs, query_timeout: endsMs + graceMs }),
    ...(limits.lockMs === undefined ? {} : { lock_timeout: limits.lockMs }),
    ...(limits.idleTransactionMs === undefined
      ? {}
      : { idle_in_transaction_session_timeout: limits.idleTransactionMs }),
  };
}

function explain({ url }: PostgresServer, error: unknown): Error {
  const message = `PostgreSQL at ${serverOf(url)}: ${(error as Error).message || String(error)}`;
  return isAway(error) ? new DatabaseAway(message, error) : new Error(message, { cause: error });
}

/** Small statements from many hands, over a few connections. Names of tables want `sluice.` before them. */
export interface Questions {
  /** Connects where need be. @throws as `connect`, or the server's refusal. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** @param prepared What must have been done before the first; tried again with the next where it failed. */
export function openQuestions(
  options: ConnectOptions & { readonly most: number },
  prepared: (client: pg.Client) => Promise<void>,
): Questions {
  const pool = new (load().Pool)({ ...configOf(options), max: options.most });
  pool.on('error', () => undefined);
  let ready: Promise<void> | null = null;
  const prepareOnce = async (): Promise<void> => {
    const client = await connect(options);
    await prepared(client).finally(() => disconnect(client));
  };
  return {
    async query(sql, values = []) {
      ready ??= prepareOnce();
      await ready.catch((error: unknown) => {
        ready = null;
        throw error;
      });
      try {
        return (await pool.query(sql, [...values])).rows;
      } catch (error) {
        throw isAway(error) ? explain(options.server, error) : error;
      }
    },
    close: () => pool.end(),
  };
}

/** No word of the server's, or one that it cannot serve now: starting, ending, too many connections. */
const isAway = (error: unknown): boolean => ['', '53', '57'].includes(stateOf(error).slice(0, 2));

/** Never throws; a server that does not say good-bye is left. */
export async function disconnect(client: pg.Client): Promise<void> {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } })
    .connection;
  const timer = setTimeout(() => stream.destroy(), disconnectMs);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}

/** Host, port and database of a URL. */
export function serverOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return host + pathname;
  } catch {
    return 'an address that is no URL';
  }
}

/** Runs `work` in one transaction; whatever it throws undoes all of it. */
export async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // Where the connection is gone the server undoes it by itself.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
