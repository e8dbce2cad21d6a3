import type { KeyDelta } from '#core/key.ts';
import type { Soon } from '#core/contracts/counter-store.ts';
import type { KeyView } from '#core/contracts/control-plane.ts';
import type { KeyChange, KeyStore, KeyWish } from './embedded/key-store.ts';

/** Who makes and revokes keys: this node alone (`KeyStore`), or all nodes together. Members are as those of `KeyStore`. */
export interface KeyMaster extends Omit<
  KeyStore,
  'create' | 'change' | 'rotate' | 'revoke' | 'stored' | 'adopt' | 'close'
> {
  /** `delta` is null when it is published already. @throws ControlError, 503 too. */
  create(
    wish: KeyWish,
  ): Soon<{ readonly key: KeyView; readonly secret: string; readonly delta: KeyDelta | null }>;
  /** Of this and what follows: what is not published already. */
  change(
    id: string,
    change: KeyChange,
  ): Soon<{ readonly key: KeyView; readonly deltas: readonly KeyDelta[] }>;
  rotate(
    id: string,
    overlapMs: number,
  ): Soon<{ readonly key: KeyView; readonly secret: string; readonly deltas: readonly KeyDelta[] }>;
  revoke(id: string): Soon<readonly KeyDelta[]>;
  close(): Soon<void>;
}

/** One that takes over, and publishes, what other nodes do. */
export interface FollowingKeyMaster extends KeyMaster {
  /** From now on changes of any node are published, one after the other. */
  follow(publish: (delta: KeyDelta) => Promise<void>): void;
}
