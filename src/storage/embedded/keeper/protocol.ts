import type { DueObligations, KeptPage, KeptThing, Obligation } from '#core/contracts/keeper.ts';

export type KeeperAsk =
  | { readonly type: 'note'; readonly things: readonly KeptThing[] }
  | { readonly type: 'find'; readonly owner: string; readonly ids: readonly string[] }
  | {
      readonly type: 'describe';
      readonly thing: Pick<KeptThing, 'id' | 'provider' | 'owner'>;
      readonly document: string;
    }
  | { readonly type: 'list'; readonly page: KeptPage }
  | { readonly type: 'owe'; readonly obligation: Obligation; readonly dueAtMs: number }
  | { readonly type: 'due'; readonly nowMs: number; readonly leaseMs: number; readonly thing: string | null }
  | { readonly type: 'settled'; readonly receipt: string }
  | { readonly type: 'postpone'; readonly receipt: string; readonly dueAtMs: number }
  | { readonly type: 'forget'; readonly thing: Pick<KeptThing, 'id' | 'provider' | 'owner'> };

export interface KeeperAnswer {
  readonly things: readonly KeptThing[];
  readonly obligations?: DueObligations;
}
