import type { UpstreamMember } from '#core/snapshot.ts';

export interface Found {
  /** At least one. Null: the same as before. */
  readonly members: readonly UpstreamMember[] | null;
  /** When to ask again. */
  readonly againInMs: number;
}

/** Somewhere that members are learnt from. */
export interface Source {
  /** @throws Error that says what was expected and what came. */
  ask(): Promise<Found>;
  close(): void;
}
