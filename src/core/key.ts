import type { Consumer } from './consumer.ts';

/** A credential of a consumer. The secret itself is never kept, only its SHA-256. */
export interface KeyRecord extends Consumer {
  /** Lower-case hex. Secrets are random with at least 128 bits, or the operator's own choice. */
  readonly sha256: string;
  /** Null: never. */
  readonly expiresAtMs: number | null;
  readonly createdAtMs: number;
  /** `file` keys change only with the file, `store` keys only by the API. */
  readonly master: 'file' | 'store';
}

/** One step in the life of the key set. Applied in order; `sequence` has no gaps. */
export type KeyDelta =
  | { readonly sequence: number; readonly type: 'reset'; readonly keys: readonly KeyRecord[] }
  | { readonly sequence: number; readonly type: 'put'; readonly key: KeyRecord }
  | { readonly sequence: number; readonly type: 'revoke'; readonly sha256: string };
