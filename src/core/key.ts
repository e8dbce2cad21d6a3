/** A credential of a consumer. The secret itself is never kept, only its SHA-256. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  /** Lower-case hex. Secrets are random with at least 128 bits, or the operator's own choice. */
  readonly sha256: string;
  readonly project: string;
  readonly team: string;
  /** Null: never. */
  readonly expiresAtMs: number | null;
  /** Names and `*` patterns of models it may use; null: all that its project may. */
  readonly models: readonly string[] | null;
  /** The highest priority, from 1 to 9, that its calls may ask for in a queue; absent: they have their route's. */
  readonly priority?: number;
  readonly createdAtMs: number;
  /** `file` keys change only with the file, `store` keys only by the API. */
  readonly master: 'file' | 'store';
}

/** One step in the life of the key set. Applied in order; `sequence` has no gaps. */
export type KeyDelta =
  | { readonly sequence: number; readonly type: 'reset'; readonly keys: readonly KeyRecord[] }
  | { readonly sequence: number; readonly type: 'put'; readonly key: KeyRecord }
  | { readonly sequence: number; readonly type: 'revoke'; readonly sha256: string };
