/**
 * Answers that are kept to be given again, each under a name of its project. A name is claimed before its answer is made: of any
 * number of callers, in any number of threads or nodes, one gets it. Values are encrypted (AES-256-GCM) under a key of the project,
 * names and fingerprints are known to the store as keyed hashes only. Survives restarts. Every implementation passes
 * test/conformance/cache-store. Everything rejects with an Error when the store cannot be reached.
 */
export interface CacheStore {
  /** Takes the name where it is free, in one step. A claim that was given up, or has outlived its lifetime, is free. */
  claim(name: CacheName, wish: ClaimWish): Promise<ClaimResult>;
  /**
   * What cannot be undone is about to be done. False: the claim is somebody else's by now, and it must not be. From here on a
   * holder that dies leaves a claim that is `lost`; before, one that is free.
   */
  begin(claim: CacheClaim): Promise<boolean>;
  /** Keeps a part of what is to be found once all is there. Parts count from 0. */
  put(claim: CacheClaim, part: number, bytes: Buffer): Promise<void>;
  /** Ends the claim: the whole is found from now on. Null: that it was made is known, and nothing of it kept. */
  finish(claim: CacheClaim, whole: WholeEntry | null): Promise<void>;
  /** Ends the claim: the name is free, or `lost` where nobody knows what became of what was begun. Not his any more: nothing. */
  release(claim: CacheClaim, as: 'free' | 'lost'): Promise<void>;
  /** What a claim of that holder has left under the name; null: it has outlived its lifetime. */
  get(name: CacheName, holder: string): Promise<KeptEntry | null>;
}

export interface CacheName {
  readonly project: string;
  readonly name: string;
}

export interface CacheClaim extends CacheName {
  /** Id of the exchange that has the claim: unique to it. */
  readonly holder: string;
}

export interface ClaimWish {
  readonly holder: string;
  /** Of what is asked: the same where the same is. */
  readonly fingerprint: string;
  /** From now on; a claim whose holder lives lasts longer if need be. */
  readonly lifetimeMs: number;
}

export type ClaimResult =
  | { readonly state: 'claimed' }
  | {
      /**
       * `running`: its holder is at it. `lost`: its holder has died after `begin`. `passed`: it was done, and nothing of it kept.
       * `kept`: `get` gives it.
       */
      readonly state: 'running' | 'lost' | 'passed' | 'kept';
      readonly holder: string;
      /** Is the fingerprint the one of the first claim? */
      readonly same: boolean;
    };

export interface WholeEntry {
  /** What is said of the value: a text. */
  readonly about: string;
  /** Parts that were put, before `rest`. */
  readonly parts: number;
  /** The last part. */
  readonly rest: Buffer;
}

export interface KeptEntry {
  readonly about: string;
  readonly value: Buffer;
}
