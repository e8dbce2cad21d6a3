import { ControlError } from '#core/contracts/control-plane.ts';
import type { EdgeKeys } from '#core/contracts/edge.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import type { KeyStore } from './key-store.ts';

export interface JoinedKeyStore extends KeyStore {
  /** What the control plane says; a delta for each of its steps, in order. */
  take(keys: EdgeKeys): readonly KeyDelta[];
  /** Those of the control plane, to be kept for a start without it. */
  joined(): readonly KeyRecord[];
}

/**
 * The keys of an edge node: those of its document and environment, as `own` has them, and those made at its control plane,
 * which are made and revoked only there.
 */
export function joinKeys(own: KeyStore, first: readonly KeyRecord[]): JoinedKeyStore {
  let joined = new Map(first.map((key) => [key.sha256, key]));
  let sequence = 0;

  /** What changed in `own` comes as a whole. */
  function reset(): KeyDelta {
    const delta = own.reset();
    const keys = delta.type === 'reset' ? delta.keys : [];
    return { sequence, type: 'reset', keys: [...keys, ...joined.values()] };
  }

  const renumbered = (deltas: readonly KeyDelta[]): readonly KeyDelta[] =>
    deltas.map((delta) => ({ ...delta, sequence: (sequence += 1) }));

  function refuseJoined(id: string): void {
    if ([...joined.values()].some((key) => key.id === id))
      throw new ControlError(
        409,
        `The key "${id}" is changed and revoked at the control plane that this node has joined.`,
      );
  }

  return {
    ...own,
    reset,
    list: () => [
      ...own.list(),
      ...[...joined.values()].map(({ sha256: _sha256, ...key }) => ({ ...key, revoked: false })),
    ],
    create() {
      throw new ControlError(409, 'Keys are made at the control plane that this node has joined.');
    },
    change(id, change) {
      refuseJoined(id);
      const { key, deltas } = own.change(id, change);
      return { key, deltas: renumbered(deltas) };
    },
    rotate(id, overlapMs) {
      refuseJoined(id);
      const { key, secret, deltas } = own.rotate(id, overlapMs);
      return { key, secret, deltas: renumbered(deltas) };
    },
    revoke(id) {
      refuseJoined(id);
      return renumbered(own.revoke(id));
    },
    replaceFileKeys(keys) {
      own.replaceFileKeys(keys);
      sequence += 1;
      return reset();
    },
    joined: () => [...joined.values()],
    take({ all, steps }) {
      if (all) {
        joined = new Map(all.map((key) => [key.sha256, key]));
        sequence += 1;
        return [reset()];
      }
      return steps.map((step) => {
        sequence += 1;
        if (step.type === 'put') {
          joined.set(step.key.sha256, step.key);
          return { sequence, type: 'put', key: step.key };
        }
        joined.delete(step.sha256);
        return { sequence, type: 'revoke', sha256: step.sha256 };
      });
    },
  };
}
