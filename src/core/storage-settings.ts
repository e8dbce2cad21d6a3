import type { ClientTls } from './target.ts';

/** Stores that many nodes share. Settled once for a process. */
export interface StorageSettings {
  /** Of configuration, keys, ledger and receipts; null: SQLite in the state directory. */
  readonly postgres: PostgresSettings | null;
  /** Of counters; null: the process's own memory. */
  readonly redis: RedisSettings | null;
}

export interface PostgresSettings {
  /** `postgres://user:password@host:port/database`; a secret. */
  readonly url: string;
  /** Connections of a node. */
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  /** PEM texts; null: as the URL says. */
  readonly tls: ClientTls | null;
}

export interface RedisSettings {
  /** `redis://` or `rediss://`; a secret. */
  readonly url: string;
  /** How long a call waits for an answer. */
  readonly timeoutMs: number;
  /** `refuse`: calls that are limited get 503. `lease`: a node gives out its share of each limit by itself. */
  readonly whenUnavailable: 'refuse' | 'lease';
  /** That share of each limit, in percent: all nodes together pass a limit by no more than their number times it. */
  readonly leasePercent: number;
  readonly tls: ClientTls | null;
}
