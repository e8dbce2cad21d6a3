/** What the admin API answers: its OpenAPI document is the reference. Amounts of money are nano-units, as decimal strings. */

export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly via: string;
  readonly roles: readonly { readonly role: string; readonly team: string | null }[];
  /** Teams that each is had for; null: everywhere. */
  readonly permissions: Readonly<Record<string, readonly string[] | null>>;
  readonly csrf: string | null;
  readonly expiresAtMs: number | null;
}

export interface Status {
  readonly version: string;
  readonly node: string;
  readonly startedAtMs: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly listen: string;
  readonly configuration: { readonly master: string; readonly refused: { readonly reason: string } | null };
  readonly ledger: { readonly lagSegments: number };
}

export interface LiveFigures {
  readonly atMs: number;
  readonly overMs: number;
  readonly openStreams: number;
  readonly connections: number;
  readonly boundsSeconds: readonly number[];
  readonly routes: readonly {
    readonly route: string;
    readonly outcomes: Readonly<Record<string, number>>;
    readonly durations: readonly number[];
  }[];
  readonly targets: readonly {
    readonly provider: string;
    readonly model: string;
    readonly results: Readonly<Record<string, number>>;
    readonly firstContent: readonly number[];
  }[];
  readonly usage: readonly {
    readonly project: string;
    readonly team: string;
    readonly provider: string;
    readonly model: string;
    readonly tokens: Readonly<Record<string, number>>;
    readonly costNano: Readonly<Record<string, number>>;
  }[];
}

export interface UsageRow {
  readonly currency: string;
  readonly requests: number;
  readonly errors: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNano: string;
  readonly day?: string;
  readonly [dimension: string]: string | number | undefined;
}

export interface ReceiptSummary {
  readonly id: string;
  readonly admittedAtMs: number;
  readonly settledAtMs: number;
  readonly firstContentAtMs: number | null;
  readonly route: string;
  readonly outcome: string;
  readonly status: number;
  readonly fault: string | null;
  readonly key: string;
  readonly project: string;
  readonly team: string;
  readonly model: string | null;
  readonly provider: string | null;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNano: Readonly<Record<string, string>>;
}

export interface Attempt {
  readonly number: number;
  readonly provider: string;
  readonly model: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly status: number;
  readonly fault: string | null;
  readonly upstreamId: string | null;
  readonly usageSource: string | null;
  readonly flags: readonly string[];
  readonly priceVersion: string | null;
  readonly currency: string;
  readonly lines: readonly {
    readonly line: {
      readonly direction: string;
      readonly modality: string;
      readonly cache: string;
      readonly kind: string;
      readonly count: number;
    };
    readonly costNano: string;
  }[];
}

export interface Receipt {
  readonly id: string;
  readonly route: string;
  readonly outcome: string;
  readonly status: number;
  readonly fault: string | null;
  readonly subjects: {
    readonly key: string;
    readonly project: string;
    readonly team: string;
    readonly service?: string;
  };
  readonly dialect: string;
  readonly requestedModel: string | null;
  readonly admittedAtMs: number;
  readonly settledAtMs: number;
  readonly firstContentAtMs: number | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly traceId: string | null;
  readonly flags?: readonly string[];
  readonly queuedMs?: number;
  readonly notes?: Readonly<Record<string, string | number | boolean>>;
  readonly dropped: readonly string[];
  readonly attempts: readonly Attempt[];
}

export interface AuditRecord {
  readonly sequence: number;
  readonly at: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

export interface Change {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed' | 'moved';
  readonly before: unknown;
  readonly after: unknown;
}

export interface Finding {
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export interface Pool {
  readonly group: string;
  readonly members: readonly {
    readonly id: string;
    readonly state: string;
    readonly active: string;
    readonly drained: boolean;
    readonly breaker: string;
    readonly inFlight: number;
    readonly ewmaMs: number | null;
    readonly successes: number;
    readonly failures: number;
    readonly outForMs: number;
  }[];
}
