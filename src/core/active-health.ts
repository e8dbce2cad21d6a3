/** How members of a group are asked whether they are well. Plain data; part of the snapshot. */
export interface ActiveHealth {
  readonly probe: HttpProbe | TcpProbe;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** As many good answers in a row make a member healthy again. */
  readonly healthyAfter: number;
  /** As many bad ones make it unhealthy. */
  readonly unhealthyAfter: number;
  /** Part of the interval, from 0 to 1, by which each check comes earlier or later at random. */
  readonly jitter: number;
  /** Null: the member's own. */
  readonly port: number | null;
}

export interface HttpProbe {
  readonly kind: 'http';
  readonly method: string;
  readonly path: string;
  /** Names in lower case, each followed by its value. */
  readonly headers: readonly string[];
  /** First and last status that is good. */
  readonly statuses: readonly (readonly [number, number])[];
  /** Text that the beginning of the body must contain; null: the body does not matter. */
  readonly bodyContains: string | null;
}

export interface TcpProbe {
  readonly kind: 'tcp';
}

export interface CheckReport {
  readonly id: string;
  /** `unknown` until there is a first result; such a member takes part. */
  readonly verdict: 'healthy' | 'unhealthy' | 'unknown';
  readonly lastAtMs: number | null;
  /** Why the last check failed; null when it did not. */
  readonly reason: string | null;
}
