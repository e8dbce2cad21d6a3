import type { AuditChange, AuditedExchange, AuditRules } from '#core/contracts/audit.ts';

/** What the thread of the audit log is born with. */
export interface AuditStart {
  readonly stateDirectory: string;
  readonly rules: AuditRules;
  /** As `MasterKey.texts`. */
  readonly masterKeys: readonly string[];
}

export type AuditAsk =
  | { readonly type: 'change'; readonly change: AuditChange }
  /** A batch that comes again under its number is written once. */
  | {
      readonly type: 'exchanges';
      readonly batch: number;
      readonly entries: readonly AuditedExchange[];
      /** So many before them were dropped. */
      readonly dropped: number;
    }
  | { readonly type: 'erase'; readonly project: string }
  | { readonly type: 'rules'; readonly rules: AuditRules };

export interface AuditAnswer {
  /** Of `erase`: was there a key? */
  readonly erased?: boolean;
}
