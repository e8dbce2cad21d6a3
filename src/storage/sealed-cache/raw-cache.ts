/** What a store is given of answers to keep: nothing in it can be read without the secret. */
export interface RawCache {
  /** In one step. `mark` is the fingerprint's. */
  claim(id: string, wish: RawWish): Promise<RawClaim>;
  begin(id: string, holder: string): Promise<boolean>;
  put(id: string, holder: string, part: RawPart): Promise<void>;
  finish(id: string, holder: string, whole: RawWhole | null): Promise<void>;
  release(id: string, holder: string, as: 'free' | 'lost'): Promise<void>;
  get(id: string, holder: string): Promise<RawEntry | null>;
}

export interface RawWish {
  readonly holder: string;
  readonly mark: string;
  readonly lifetimeMs: number;
}

export interface RawClaim {
  readonly state: 'claimed' | 'running' | 'lost' | 'passed' | 'kept';
  readonly holder: string;
  readonly mark: string;
}

export interface RawPart {
  readonly number: number;
  readonly bytes: Uint8Array;
}

export interface RawWhole {
  readonly about: Uint8Array;
  /** The part that is still to be put. */
  readonly last: RawPart;
}

export interface RawEntry {
  readonly about: Uint8Array;
  /** In their order. */
  readonly parts: readonly Uint8Array[];
}
