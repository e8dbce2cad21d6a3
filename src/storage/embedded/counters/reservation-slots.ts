import { slotHeaderWords, slotItemWords, slotsPerChunk, slotWords, type CounterLayout } from './layout.ts';

/** Words of a slot, from its beginning; its items follow the header. `open` holds the token, or 0. */
export const slotField = { open: 0, generation: 1, admittedAtMs: 2, count: 3 } as const;
/**
 * Words of an item within a slot. Where in its row it is booked (`mark`, `part`) is the affair of the row's kind; `ceiling` is
 * what may be booked there in all.
 */
export const slotItemField = { row: 0, rowGeneration: 1, mark: 2, amount: 3, part: 4, ceiling: 5 } as const;

/** One slot for each open reservation. Free ones are kept by the thread that owns their chunk; nothing is locked. */
export interface ReservationSlots {
  /** Word of a free slot with room for `maxItems`, or 0 when all are taken. */
  take(): number;
  /** Puts a closed slot back; ignored when its chunk is another owner's (it is freed with that owner). */
  give(slot: number): void;
  /** A token never given before for this slot. Safe to lose. */
  nextToken(slot: number): number;
  /** Word of the slot that this token opened, or 0 when it is closed (or never was). */
  openSlot(token: number): number;
}

export function openSlots(layout: CounterLayout, owner: number): ReservationSlots {
  const { words, ints, chunks, chunksAt, slotsAt } = layout;
  const slots = chunks * slotsPerChunk;
  const free: number[] = [];

  function claimChunk(): boolean {
    for (let i = 0; i < chunks; i++) {
      const chunk = (owner + i) % chunks;
      if (Atomics.compareExchange(ints, (chunksAt + chunk) * 2, 0, owner) !== 0) continue;
      const first = slotsAt + chunk * slotsPerChunk * slotWords;
      for (let at = slotsPerChunk - 1; at >= 0; at--) free.push(first + at * slotWords);
      return true;
    }
    return false;
  }

  return {
    take: () => (free.length > 0 || claimChunk() ? free.pop()! : 0),
    give(slot) {
      const chunk = Math.floor((slot - slotsAt) / (slotsPerChunk * slotWords));
      if (Atomics.load(ints, (chunksAt + chunk) * 2) === owner) free.push(slot);
    },
    nextToken(slot) {
      const generation = words[slot + slotField.generation]! + 1;
      words[slot + slotField.generation] = generation;
      return generation * slots + (slot - slotsAt) / slotWords;
    },
    openSlot(token) {
      const slot = slotsAt + (token % slots) * slotWords;
      return token > 0 && words[slot + slotField.open] === token ? slot : 0;
    },
  };
}

/** Word of the n-th item of a slot. */
export const slotItemAt = (slot: number, n: number): number => slot + slotHeaderWords + n * slotItemWords;

/** Words of the open slots among an owner's chunks. */
export function openSlotsOf(layout: CounterLayout, owner: number): number[] {
  const { words, ints, chunks, chunksAt, slotsAt } = layout;
  const found: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    if (Atomics.load(ints, (chunksAt + chunk) * 2) !== owner) continue;
    for (let i = 0; i < slotsPerChunk; i++) {
      const slot = slotsAt + (chunk * slotsPerChunk + i) * slotWords;
      if (words[slot + slotField.open] !== 0) found.push(slot);
    }
  }
  return found;
}

/** Gives an owner's chunks to whoever wants them. Its slots must be closed. */
export function freeChunksOf(layout: CounterLayout, owner: number): void {
  for (let chunk = 0; chunk < layout.chunks; chunk++) {
    Atomics.compareExchange(layout.ints, (layout.chunksAt + chunk) * 2, owner, 0);
  }
}
