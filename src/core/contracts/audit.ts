import type { Principal } from '../principal.ts';

/**
 * What must be answerable for, in one append-only chain: who changed what of the gateway, and, where a policy says so, which
 * exchanges passed it. src/audit has the chain; docs/audit.md says how it is proved.
 */
export type AuditEntry = AuditChange | AuditedExchange;

/** Who made a change: a person or a program known to the admin API, a user of the machine by a command, or the gateway itself. */
export type AuditActor =
  Principal | { readonly id: string; readonly name: string; readonly via: 'gateway' | 'command' };

/** One administrative change, or the attempt at one. */
export interface AuditChange {
  readonly kind: 'change';
  readonly who: AuditActor;
  /** What was done, such as `key.create`. */
  readonly action: string;
  /** What it was done to, such as `key/K3J…`; null: there is none before it is made, and it was not. */
  readonly resource: string | null;
  /** As it was and as it is; null: it was not, or is not any more. Secrets are hidden by whoever makes the entry. */
  readonly before: unknown;
  readonly after: unknown;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** Why it was not done. */
  readonly reason: string | null;
  /** Of the request; null where there was none. */
  readonly requestId: string | null;
  readonly address: string | null;
}

/** One exchange, as the policy `audit` saw it. */
export interface AuditedExchange {
  readonly kind: 'exchange';
  /** Of the exchange. */
  readonly id: string;
  readonly route: string;
  readonly project: string;
  /** Everything else about it: members are plain JSON, amounts are decimals as texts. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Content, masked, as JSON text; it is kept encrypted under a key of its project. Null: none is recorded. */
  readonly content: string | null;
}

/** Of the control plane. */
export interface AuditLog {
  /** Resolves when the entry is on the disk. @throws Error when it could not be written: the change must not be told as done. */
  write(change: AuditChange): Promise<void>;
  /** Why nothing can be written at the moment; null: as far as is known it can. */
  readonly failure: string | null;
}

/** Of the threads that carry traffic: never waits, never throws. */
export interface AuditSink {
  /** False: what is offered now may be lost, since the log does not keep up or cannot be written. */
  hasRoom(): boolean;
  /**
   * Hands an entry over. One that there is no room for is dropped and counted, unless `mustKeep`: then it is kept however long
   * the line is; who says so has asked `hasRoom` before it let the exchange in.
   */
  put(entry: AuditedExchange, mustKeep: boolean): void;
}

/** What else is to be taken out of content: a detector of personal data, for instance. In time linear in the text. */
export interface ContentMasker {
  mask(text: string): string;
}

/** What the chain is kept by. */
export interface AuditRules {
  /** Whole segments older than this go; 0: none by age. */
  readonly keepMs: number;
  /** Whole segments go, the oldest first, while all are larger than this; 0: none by size. */
  readonly maxBytes: number;
  /** A segment that has reached this is followed by the next. */
  readonly segmentBytes: number;
  readonly sinks: readonly AuditSinkRules[];
}

/** Where records go besides. */
export interface AuditSinkRules {
  readonly name: string;
  readonly url: string;
  /** Of each request. */
  readonly headers: readonly string[];
  /** So many bytes of the chain may wait for it; what is older is skipped and counted. */
  readonly maxBehindBytes: number;
  readonly timeoutMs: number;
}

/** What is looked for; null members: all. */
export interface AuditQuery {
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** Part of the id or name of who did it, or of the consumer. */
  readonly who: string | null;
  /** The resource or action, or the beginning of either. */
  readonly resource: string | null;
  readonly exchange: string | null;
  readonly project: string | null;
  /** Anywhere in the record, content included. Letters' case does not matter. */
  readonly text: string | null;
  readonly limit: number;
  /** Sequence number before which records are looked at: pages go from the latest to the earliest. */
  readonly before: number | null;
}

/** A record as it is shown: content is opened where its key is there. */
export interface AuditRecordView {
  readonly sequence: number;
  readonly at: string;
  readonly hash: string;
  readonly kind: string;
  readonly [member: string]: unknown;
}

export interface AuditProof {
  readonly clean: boolean;
  readonly records: number;
  readonly segments: number;
  /** Entries that the records themselves say were lost, since the log did not keep up. */
  readonly dropped: number;
  /** Of the last record: whoever notes it down elsewhere can have it looked for later. */
  readonly head: { readonly sequence: number; readonly hash: string } | null;
  readonly findings: readonly AuditFinding[];
  /** What is to be known, and is nothing wrong. */
  readonly notes: readonly string[];
}

export interface AuditFinding {
  readonly segment: string;
  /** The first record of the segment that is not as it should be, counted from 1; null: it is not one record. */
  readonly record: number | null;
  readonly message: string;
}

/** What operators ask of the audit log. @throws ControlError */
export interface AuditControl {
  search(query: AuditQuery): Promise<readonly AuditRecordView[]>;
  /** @param expected A head that was noted down before. */
  verify(expected: { readonly sequence: number; readonly hash: string } | null): Promise<AuditProof>;
  /** Destroys the key that content of the project is encrypted under. The chain can still be proved. */
  erase(project: string): Promise<{ readonly erased: boolean }>;
}
