import type { PricedUsage } from './price.ts';
import type { UsageSource } from './usage.ts';

/** How an exchange ended. Exactly one per exchange. */
export type Outcome =
  | 'completed'
  | 'client_gone'
  | 'upstream_error'
  | 'timeout'
  | 'guardrail_cut'
  | 'budget_cut'
  | 'refused'
  | 'cache_hit'
  | 'gateway_crash';

/** Who is charged, at every level that has limits and reports. Empty strings where nobody is known. */
export interface Subjects {
  readonly key: string;
  readonly project: string;
  readonly team: string;
  /** The calling service, by its credential or its own word; absent where neither says it, or nobody asks. */
  readonly service?: string;
}

/** One attempt as it stands on the receipt. */
export interface AttemptLine extends PricedUsage {
  readonly number: number;
  readonly provider: string;
  readonly model: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** The upstream's status; 0 when none came. */
  readonly status: number;
  readonly fault: string | null;
  /** The upstream's own id of the call, null when it gave none. */
  readonly upstreamId: string | null;
  readonly usageSource: UsageSource | null;
  readonly rawUsage: unknown;
  readonly flags: readonly string[];
  /** Of the cost. */
  readonly priceVersion: string | null;
  readonly currency: string;
  /** By what the customer is charged; absent: by the cost. Amounts of the lines are `priceNano` then. */
  readonly charge?: { readonly version: string; readonly currency: string };
  /** How it was served, where that is not the usual way. */
  readonly serviceTier?: string;
  /** What the provider itself said it cost, in nano-units of US dollars. */
  readonly reportedCostNano?: bigint;
}

/** What passed over a WebSocket: payload and whole messages, by who sent them. */
export interface SocketTotals {
  readonly clientBytes: number;
  readonly clientMessages: number;
  readonly upstreamBytes: number;
  readonly upstreamMessages: number;
  /** 1005: closed without a code; 1006: not closed in order (RFC 6455 §7.4.1). */
  readonly closeCode: number;
}

/** What an exchange used of a hard budget beyond what was reserved of it: nobody could know of it beforehand. */
export interface Overdraft {
  /** Name of the limit. */
  readonly limit: string;
  /** Tokens; nano-units of a budget of money. */
  readonly amount: number;
  /** Of money. */
  readonly currency?: string;
}

/** What one exchange used and cost: the unit of the ledger. */
export interface Receipt {
  readonly id: string;
  readonly route: string;
  readonly outcome: Outcome;
  readonly status: number;
  readonly fault: string | null;
  readonly subjects: Subjects;
  readonly dialect: string;
  readonly requestedModel: string | null;
  readonly admittedAtMs: number;
  readonly settledAtMs: number;
  readonly firstContentAtMs: number | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** WebSockets only. */
  readonly socket?: SocketTotals;
  readonly traceId: string | null;
  /** `replayed`: the answer is one that was given before. `unheard`: the client had hung up, and the answer was made all the same. */
  readonly flags?: readonly string[];
  /** The exchange whose answer was given again, and which it was charged to. */
  readonly replayOf?: string;
  /** How long it waited for limits; absent: not at all. */
  readonly queuedMs?: number;
  /** What policies have put on it, by name; absent: nothing. */
  readonly notes?: Readonly<Record<string, string | number | boolean>>;
  /** What could not be carried to the target's dialect, by field. */
  readonly dropped: readonly string[];
  /** Absent: there was none. */
  readonly overdraft?: readonly Overdraft[];
  readonly attempts: readonly AttemptLine[];
}
