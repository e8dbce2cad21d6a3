/**
 * The block of memory in which all threads keep what is known of members of pools. Each member has a slot; a slot has a
 * lock, words that are changed under it, and two lanes of counts for each worker:
 *
 *     header | slots (32-bit words, then 64-bit floats) | in flight, by slot and worker | probes, by slot and worker
 *
 * Counts by worker are summed when they are read, so that what a dead worker held is taken back by clearing its lane. A
 * worker that dies within a step leaves that one step half done in sums and means; never in counts of what is in flight.
 */
import { createHash } from 'node:crypto';
import { SlidingWindow, windowWords } from './sliding-window.ts';

export interface PoolMemoryOptions {
  /** Members there is room for, over all groups (4,096). Those beyond share nothing between threads. */
  readonly members?: number;
  readonly workers: number;
}

const magic = 0x51c0_b001;
const headerInts = 32;
const header = { magic: 0, slots: 1, workers: 2, version: 3, highest: 4, ejectLock: 5 } as const;

/** 32-bit words of a slot, by Atomics only. */
export const int = {
  lock: 0,
  /** Differs each time that the slot is given to another member; 0: free. */
  generation: 1,
  /** Four words of the member's digest. */
  key: 2,
  breaker: 6,
  /** Grows with each change of the breaker's state: results of an older round count no more. */
  round: 7,
  active: 8,
  drained: 9,
} as const;
const slotInts = 16;

/** 64-bit words of a slot. Times are milliseconds of the epoch; spans beside their beginnings, as clocks may be set back. */
export const num = {
  openedAt: 0,
  openFor: 1,
  openStreak: 2,
  halfOpenAt: 3,
  probeSuccesses: 4,
  breakerRow: 5,
  passiveRow: 6,
  ejectedAt: 7,
  ejectedFor: 8,
  ejectStreak: 9,
  ejections: 10,
  opens: 11,
  cooledAt: 12,
  cooledFor: 13,
  warmSince: 14,
  ewma: 15,
  ewmaAt: 16,
  successes: 17,
  failures: 18,
  rate: 19,
  rateAt: 20,
  quotaLeft: 21,
  quotaAt: 22,
  quotaFor: 23,
  breakerWindow: 24,
  passiveWindow: 24 + windowWords,
  /** See pace.ts. */
  pace: 24 + 2 * windowWords,
} as const;
const paceWords = 15;
const slotNums = 24 + 2 * windowWords + paceWords;
const slotBytes = slotInts * 4 + slotNums * 8;

const generationLimit = 0x7fff_fffe;
/** Tries before a waiting thread lets its core go. */
const spins = 200;

export function createPoolMemory({ members = 4096, workers }: PoolMemoryOptions): SharedArrayBuffer {
  const lanes = 2 * members * workers;
  const memory = new SharedArrayBuffer(headerInts * 4 + members * slotBytes + lanes * 4);
  const ints = new Int32Array(memory, 0, headerInts);
  ints.set([magic | 0, members, workers]);
  return memory;
}

/** The block as one thread sees it. @throws TypeError when it is not one. */
export class PoolMemory {
  readonly ints: Int32Array;
  readonly slots: number;
  readonly workers: number;
  /** This thread's lane. */
  readonly worker: number;
  readonly #buffer: SharedArrayBuffer;
  readonly #lanesAt: number;

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.ints = new Int32Array(buffer);
    if (this.ints[header.magic] !== (magic | 0)) throw new TypeError('This is not a pool memory.');
    this.slots = this.ints[header.slots]!;
    this.workers = this.ints[header.workers]!;
    this.worker = worker;
    this.#buffer = buffer;
    this.#lanesAt = headerInts + (this.slots * slotBytes) / 4;
  }

  /** Grows whenever something changes that choices depend on. */
  get version(): number {
    return Atomics.load(this.ints, header.version);
  }

  changed(): void {
    Atomics.add(this.ints, header.version, 1);
  }

  /** Slots ever used lie below. */
  get highest(): number {
    return Atomics.load(this.ints, header.highest);
  }

  cell(slot: number): MemberCell {
    const at = headerInts + (slot * slotBytes) / 4;
    const nums = new Float64Array(this.#buffer, at * 4 + slotInts * 4, slotNums);
    const inFlightAt = this.#lanesAt + slot * this.workers;
    return new MemberCell(this, { at, nums, inFlightAt, probesAt: inFlightAt + this.slots * this.workers });
  }

  /** Cells of those of the members that have one, by id. Reads every slot in use: for changes, not for calls. */
  find(group: string, ids: readonly string[]): Map<string, MemberCell> {
    const wanted = new Map(ids.map((id) => [keyOf(group, id).join(), id]));
    const found = new Map<string, MemberCell>();
    for (let slot = 0; slot < this.highest && found.size < wanted.size; slot++) {
      const at = headerInts + (slot * slotBytes) / 4;
      if (Atomics.load(this.ints, at + int.generation) === 0) continue;
      const id = wanted.get(this.ints.subarray(at + int.key, at + int.key + 4).join());
      if (id !== undefined) found.set(id, this.cell(slot));
    }
    return found;
  }

  /** Gives a free slot to a member: everything about it begins anew. By the main thread only. */
  assign(slot: number, group: string, id: string): MemberCell {
    const cell = this.cell(slot);
    cell.nums.fill(0);
    const { ints } = this;
    for (const field of [int.breaker, int.round, int.active, int.drained])
      Atomics.store(ints, cell.at + field, 0);
    cell.clearProbes();
    keyOf(group, id).forEach((word, i) => Atomics.store(ints, cell.at + int.key + i, word));
    const last = Atomics.load(ints, cell.at + slotInts - 1);
    const generation = (last % generationLimit) + 1;
    Atomics.store(ints, cell.at + slotInts - 1, generation);
    Atomics.store(ints, cell.at + int.generation, generation);
    if (slot >= this.highest) Atomics.store(ints, header.highest, slot + 1);
    this.changed();
    return this.cell(slot);
  }

  /** Gives a slot that was free, and that nobody has had since, back to who had it. By the main thread only. */
  revive(cell: MemberCell): void {
    cell.set(int.generation, cell.generation);
    this.changed();
  }

  /** One thread at a time decides on ejections, so that their cap holds. */
  lockEjections(): void {
    this.lock(header.ejectLock);
  }

  unlockEjections(): void {
    this.unlock(header.ejectLock);
  }

  lock(word: number): void {
    const owner = this.worker + 1;
    for (let i = 0; ; i++) {
      const held = Atomics.compareExchange(this.ints, word, 0, owner);
      if (held === 0) return;
      if (i >= spins) Atomics.wait(this.ints, word, held, 1);
    }
  }

  unlock(word: number): void {
    Atomics.store(this.ints, word, 0);
  }

  /** After a worker has ended: its locks are free, and nothing of it is in flight. */
  recover(worker: number): void {
    const owner = worker + 1;
    Atomics.compareExchange(this.ints, header.ejectLock, owner, 0);
    for (let slot = 0; slot < this.highest; slot++) {
      const cell = this.cell(slot);
      Atomics.compareExchange(this.ints, cell.at + int.lock, owner, 0);
      cell.clearLane(worker);
    }
    this.changed();
  }
}

interface CellPlaces {
  readonly at: number;
  readonly nums: Float64Array;
  readonly inFlightAt: number;
  readonly probesAt: number;
}

/** One member's slot. */
export class MemberCell {
  readonly memory: PoolMemory;
  readonly at: number;
  readonly nums: Float64Array;
  /** As it was when this view of it was made. */
  readonly generation: number;
  readonly breakerWindow: SlidingWindow;
  readonly passiveWindow: SlidingWindow;
  readonly #inFlightAt: number;
  readonly #probesAt: number;

  constructor(memory: PoolMemory, { at, nums, inFlightAt, probesAt }: CellPlaces) {
    this.memory = memory;
    this.at = at;
    this.nums = nums;
    this.#inFlightAt = inFlightAt;
    this.#probesAt = probesAt;
    this.breakerWindow = new SlidingWindow(nums, num.breakerWindow);
    this.passiveWindow = new SlidingWindow(nums, num.passiveWindow);
    this.generation = Atomics.load(memory.ints, at + int.generation);
  }

  /** False once the slot is another member's. */
  get current(): boolean {
    return Atomics.load(this.memory.ints, this.at + int.generation) === this.generation;
  }

  get(field: number): number {
    return Atomics.load(this.memory.ints, this.at + field);
  }

  set(field: number, value: number): void {
    Atomics.store(this.memory.ints, this.at + field, value);
  }

  lock(): void {
    this.memory.lock(this.at + int.lock);
  }

  unlock(): void {
    this.memory.unlock(this.at + int.lock);
  }

  /** Free for another member. By the main thread only. */
  free(): void {
    this.set(int.generation, 0);
    this.memory.changed();
  }

  inFlight(): number {
    return this.#sum(this.#inFlightAt);
  }

  addInFlight(count: 1 | -1): void {
    Atomics.add(this.memory.ints, this.#inFlightAt + this.memory.worker, count);
  }

  probes(): number {
    return this.#sum(this.#probesAt);
  }

  /** Under the lock. */
  addProbe(count: 1 | -1): void {
    Atomics.add(this.memory.ints, this.#probesAt + this.memory.worker, count);
  }

  /** Under the lock: a new round begins without any. */
  clearProbes(): void {
    for (let i = 0; i < this.memory.workers; i++) Atomics.store(this.memory.ints, this.#probesAt + i, 0);
  }

  clearLane(worker: number): void {
    Atomics.store(this.memory.ints, this.#inFlightAt + worker, 0);
    Atomics.store(this.memory.ints, this.#probesAt + worker, 0);
  }

  #sum(at: number): number {
    const { ints, workers } = this.memory;
    let sum = 0;
    for (let i = 0; i < workers; i++) sum += Atomics.load(ints, at + i);
    return sum;
  }
}

function keyOf(group: string, id: string): Int32Array {
  const digest = createHash('sha256').update(`${group}\0${id}`).digest();
  return Int32Array.from({ length: 4 }, (_, i) => digest.readInt32LE(i * 4));
}
