import type { Soon } from '#core/contracts/counter-store.ts';
import type { DueObligations, KeptPage, KeptThing, Obligation } from '#core/contracts/keeper.ts';

export type Named = Pick<KeptThing, 'id' | 'provider' | 'owner'>;

/** Obligations given to one asker at once. */
export const atOnce = 16;

/** A database of kept things: of one machine, or of all nodes. Members are as those of `Keeper`. */
export interface KeptStore {
  note(things: readonly KeptThing[]): Soon<void>;
  find(owner: string, ids: readonly string[]): Soon<KeptThing[]>;
  describe(thing: Named, document: string): Soon<void>;
  list(page: KeptPage): Soon<KeptThing[]>;
  forget(thing: Named): Soon<void>;
  owe(obligation: Obligation, dueAtMs: number): Soon<void>;
  due(nowMs: number, leaseMs: number, thing: string | null): Soon<DueObligations>;
  settled(receipt: string): Soon<void>;
  postpone(receipt: string, dueAtMs: number): Soon<void>;
  /** Removes what no provider keeps any more. */
  expire(nowMs: number): Soon<void>;
  close(): Soon<void>;
}
