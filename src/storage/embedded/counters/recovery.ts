import type { Reservation } from '#core/contracts/counter-store.ts';
import { layoutOf, ownerAt } from './layout.ts';
import { freeChunksOf, openSlotsOf, slotField, slotItemAt, slotItemField } from './reservation-slots.ts';
import { rowField } from './row-fields.ts';
import { createKinds } from './row-kinds.ts';
import { freeLocksOf } from './shard-locks.ts';
import { openUndoLog } from './undo-log.ts';

/** What a dead thread had reserved and not settled. */
export interface OpenReservation extends Pick<Reservation, 'token' | 'admittedAtMs'> {
  /** What is booked under it, item by item in the order of `reserve`. */
  readonly booked: readonly number[];
  /** What stays of it now that its thread is dead: all but what was only held. */
  readonly kept: readonly number[];
}

/**
 * After a thread has ended (its `exit` event, never before): undoes the step it died in, frees its locks so that the
 * others go on, and lists its open reservations, which any store may now `settle`. A second call changes nothing.
 * Call it from the main thread, before that uses counters itself: until then callers wait for the dead one's locks.
 */
export function recoverOwner(memory: SharedArrayBuffer, owner: number): OpenReservation[] {
  const layout = layoutOf(memory);
  const { words } = layout;
  const log = openUndoLog(layout, owner);
  log.rollBack();
  freeLocksOf(layout, owner);
  const kinds = createKinds(layout, log);
  return openSlotsOf(layout, owner).map((slot) => {
    const items = Array.from({ length: words[slot + slotField.count]! }, (_, i) => slotItemAt(slot, i));
    const isHeld = (at: number) => {
      const row = words[at + slotItemField.row]!;
      return kinds.of(words[row + rowField.kind]!).held;
    };
    const booked = items.map((at) => words[at + slotItemField.amount]!);
    return {
      token: words[slot + slotField.open]!,
      admittedAtMs: words[slot + slotField.admittedAtMs]!,
      booked,
      kept: items.map((at, i) => (isHeld(at) ? 0 : booked[i]!)),
    };
  });
}

/**
 * Closes what a dead (and recovered) owner still has open, as it stands: calls that may have been answered stay
 * booked until their window is over. Then its slots and its number are free. Settle first what is known better.
 */
export function releaseOwner(memory: SharedArrayBuffer, owner: number): void {
  const layout = layoutOf(memory);
  for (const slot of openSlotsOf(layout, owner)) layout.words[slot + slotField.open] = 0;
  freeChunksOf(layout, owner);
  Atomics.store(layout.ints, ownerAt(layout, owner) * 2, 0);
}
