/**
 * Answers under keys, for a while: what can be made again. Any of them may be gone at any time, and nothing here rejects or throws:
 * what cannot be had is not there. Every implementation passes test/conformance/answer-cache.
 *
 * Purges count up. Who makes an answer takes the stamp before he begins, and what is kept under it is given out as long as none of
 * its marks has been purged since: so an answer that was under way at a purge is gone with it.
 */
export interface AnswerCache {
  find(key: string): Found | Promise<Found>;
  /** What does not fit, or has outlived its lifetime, is not kept. */
  keep(key: string, entry: NewEntry): void | Promise<void>;
  drop(key: string): void | Promise<void>;
  /** Whatever bears one of the marks is gone for everybody who shares the store once this has resolved. */
  purge(marks: readonly string[]): void | Promise<void>;
  /** The right to make what is not there; null: somebody else in this process has it. */
  lead(key: string): Lead | null;
  /** Resolves when whoever leads is done, or after that long. */
  settled(key: string, withinMs: number): Promise<void>;
  /** Whoever made it last found that it is not to be kept: nobody need wait for him. */
  isVain(key: string): boolean;
}

export interface Found {
  /** Null: it is not there. */
  readonly bytes: Buffer | null;
  /** Of what is made from now on. */
  readonly stamp: number;
}

export interface NewEntry {
  readonly bytes: Buffer;
  readonly marks: readonly string[];
  readonly stamp: number;
  readonly lifetimeMs: number;
}

/** Ends once; what comes later is ignored. */
export interface Lead {
  /** @param vain It was made, and is not to be kept. */
  end(vain: boolean): void;
}
