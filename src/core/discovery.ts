/** Where the members of a group are learnt from. Plain data; part of the snapshot. */
export interface Discovery {
  readonly source: DiscoverySource;
  /** How long readiness waits for the first answer after a start. */
  readonly startupWaitMs: number;
}

export type DiscoverySource = DnsSource | FileSource | HttpSource;

export interface DnsSource {
  readonly kind: 'dns';
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'SRV';
  /** 0 for SRV, whose records have their own. */
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Null: as long as the answer says (its TTL). */
  readonly everyMs: number | null;
  /** An answer's TTL is taken to be at least this. */
  readonly minTtlMs: number;
  /** `address[:port]`; null for the system's. */
  readonly servers: readonly string[] | null;
}

export interface FileSource {
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
}

export interface HttpSource {
  readonly kind: 'http';
  readonly url: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Names in lower case, each followed by its value. */
  readonly headers: readonly string[];
}

/** How discovery of a group fares. */
export interface DiscoveryReport {
  /** `dns A orders.internal`, `file /etc/orders.yaml`, `http https://…`. */
  readonly source: string;
  /** Grows by one with each change of the members. */
  readonly generation: number;
  /** Null: never yet. */
  readonly lastSuccessAtMs: number | null;
  /** Of the last try; null when it succeeded. */
  readonly error: { readonly message: string; readonly atMs: number } | null;
  /** The members are those of an earlier answer, as the last one was none. */
  readonly stale: boolean;
}
