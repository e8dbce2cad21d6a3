import { randomFillSync } from 'node:crypto';

/**
 * Where everything lies in the shared block. All values are 64-bit floats holding integers up to 2^53, addressed by
 * index ("word"); lock words, counts and owners are 32-bit integers in the same block, changed by Atomics only.
 *
 *     header | shards (lock, floor) | owners (state, undo log) | chunks (who owns their slots) | slots | rows
 */
export interface CounterMemoryOptions {
  /**
   * Rows, one for each subject and window (default 131,072; a power of two of at least 1,024). Take at least twice as
   * many as there are subjects times windows: a shard holds its share of rows and no more. Half of them may be taken by subjects
   * that callers make. About 0.6 KB each, taken
   * from the system only once touched.
   */
  readonly rows?: number;
  /** Reservations open at once (default 65,536; a multiple of 256). About 1.6 KB each, likewise. */
  readonly reservations?: number;
  /** Owners alive at once: workers plus the main thread (default 64). */
  readonly owners?: number;
}

export interface CounterLayout {
  readonly words: Float64Array;
  readonly ints: Int32Array;
  /** Keys the hashing of subjects, so that nobody outside can aim at a row. */
  readonly hashKey: Uint8Array;
  readonly shards: number;
  readonly rowsPerShard: number;
  readonly owners: number;
  readonly chunks: number;
  readonly shardsAt: number;
  readonly ownersAt: number;
  readonly chunksAt: number;
  readonly slotsAt: number;
  readonly rowsAt: number;
}

const magic = 0x51c0_0001;
const headerWords = 16;
/** One cache line each, so that two locks never share one. */
export const shardWords = 8;
export const rowHeaderWords = 8;
/** What a row counts in: the panes of a sliding window, or fewer words of another kind. */
export const rowValues = 61;
export const rowWords = rowHeaderWords + Math.ceil(rowValues / 8) * 8;
/** Items in one reservation. */
export const maxItems = 32;
export const slotHeaderWords = 4;
export const slotItemWords = 6;
export const slotWords = slotHeaderWords + maxItems * slotItemWords;
/** Slots change hands between owners in chunks, so that taking one needs no lock. */
export const slotsPerChunk = 256;
/** The most that one step writes: every item a new row in a used place, and the slot. */
export const undoEntries = maxItems * (rowHeaderWords + rowValues + 8) + 8;
export const ownerHeaderWords = 8;
const ownerWords = ownerHeaderWords + 2 * undoEntries;

/** Makes the block, in the main thread, before any worker starts. Throws a RangeError for sizes that cannot be. */
export function createCounterMemory(options: CounterMemoryOptions = {}): SharedArrayBuffer {
  const rows = options.rows ?? 131_072;
  const reservations = options.reservations ?? 65_536;
  const owners = options.owners ?? 64;
  if (!Number.isInteger(Math.log2(rows)) || rows < 1024 || rows > 2 ** 22) {
    throw new RangeError(`rows must be a power of two from 1024 to 4194304, not ${rows}`);
  }
  if (reservations < slotsPerChunk || reservations > 2 ** 20 || reservations % slotsPerChunk !== 0) {
    throw new RangeError(`reservations must be a multiple of 256 up to 1048576, not ${reservations}`);
  }
  if (!Number.isInteger(owners) || owners < 1 || owners > 4096) {
    throw new RangeError(`owners must be an integer from 1 to 4096, not ${owners}`);
  }
  const shards = Math.min(256, rows / 256);
  const sizes = [shards, rows / shards, owners, reservations / slotsPerChunk] as const;
  const { end } = placesOf(...sizes);
  const memory = new SharedArrayBuffer(end * 8);
  const words = new Float64Array(memory, 0, headerWords);
  words.set([magic, ...sizes]);
  randomFillSync(new Uint8Array(memory, 8 * 8, 32));
  return memory;
}

/** The block as seen from one thread. Throws a TypeError when it is not one of ours. */
export function layoutOf(memory: SharedArrayBuffer): CounterLayout {
  const words = new Float64Array(memory);
  if (words.length < headerWords || words[0] !== magic) throw new TypeError('This is not a counter memory.');
  const shards = words[1]!;
  const rowsPerShard = words[2]!;
  const owners = words[3]!;
  const chunks = words[4]!;
  const { end: _, ...places } = placesOf(shards, rowsPerShard, owners, chunks);
  // A copy: hashing functions refuse shared memory.
  const hashKey = Uint8Array.from(new Uint8Array(memory, 8 * 8, 32));
  return { words, ints: new Int32Array(memory), hashKey, shards, rowsPerShard, owners, chunks, ...places };
}

function placesOf(shards: number, rowsPerShard: number, owners: number, chunks: number) {
  const shardsAt = headerWords;
  const ownersAt = shardsAt + shards * shardWords;
  const chunksAt = ownersAt + owners * ownerWords;
  const slotsAt = chunksAt + Math.ceil(chunks / 8) * 8;
  const rowsAt = slotsAt + chunks * slotsPerChunk * slotWords;
  return { shardsAt, ownersAt, chunksAt, slotsAt, rowsAt, end: rowsAt + shards * rowsPerShard * rowWords };
}

/** Word of an owner's area: its state (integer), then how many undo entries stand (integer), then the entries. */
export function ownerAt(layout: CounterLayout, owner: number): number {
  if (!Number.isInteger(owner) || owner < 1 || owner > layout.owners) {
    throw new RangeError(`owner must be an integer from 1 to ${layout.owners}, not ${owner}`);
  }
  return layout.ownersAt + (owner - 1) * ownerWords;
}
