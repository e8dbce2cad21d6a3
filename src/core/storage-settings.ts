import type { ClientTls } from './target.ts';

/** Stores that many nodes share. Settled once for a process. */
export interface StorageSettings {
  /** Of configuration, keys, ledger and receipts; null: SQLite in the state directory. */
  readonly postgres: PostgresSettings | null;
  /** Of counters; null: the process's own memory. */
  readonly redis: RedisSettings | null;
  /** Memory of each node for answers that are kept by `http-cache` and `llm-cache`. */
  readonly answersBytes: number;
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

/** What becomes of calls that are limited. `refuse`: they get 503. `lease`: a node gives out its share of each limit by itself. */
export type WhenUnavailable = 'refuse' | 'lease';

/** Where a Redis is. */
export interface RedisAddress {
  /** `redis://` or `rediss://`; a secret. */
  readonly url: string;
  /** URLs of further nodes of the Cluster that `url` is one of, perhaps none; null: it is no Cluster. A secret. */
  readonly cluster: readonly string[] | null;
  /** URLs of Sentinels, which know the primary by the host in `url`; null: that is its address. A secret. */
  readonly sentinels: readonly string[] | null;
  /** PEM texts; null: as the URL says. */
  readonly tls: ClientTls | null;
}

export interface RedisSettings extends RedisAddress {
  /** How long a call waits for an answer. */
  readonly timeoutMs: number;
  /** Unless a route says otherwise. */
  readonly whenUnavailable: WhenUnavailable;
  /** The share of each limit that is leased, in percent: all nodes together pass a limit by no more than their number times it. */
  readonly leasePercent: number;
}
