import { hash } from 'node:crypto';

/**
 * Memory that all threads share, for answers. A ring of records that are written one after the other: who writes takes the next
 * bytes in one step and overwrites what was there, the oldest. A table of places finds records by their key; it may be wrong at any time, and
 * each record says of itself whether it is the one that was looked for, and whole. So nobody ever waits for a lock.
 */
export interface AnswerMemory {
  readonly buffer: SharedArrayBuffer;
  /** Of the ring. */
  readonly ringBytes: number;
}

/** For each mark the stamp of its last purge; marks share places, which purges a little too much. */
export const markPlaces = 65_536;
/** Who makes what is not there. Keys share places, which lets a few wait for a stranger. */
export const leadPlaces = 16_384;
/** Places of the table that one key may have. */
export const ways = 8;
/** One place of the table for so many bytes of the ring. */
const bytesForPlace = 512;

const controlBytes = 64;
const markOffset = controlBytes;
const leadOffset = markOffset + markPlaces * 8;
const vainOffset = leadOffset + leadPlaces * 4;
const tableOffset = vainOffset + leadPlaces * 4;

export interface Layout {
  /** The ring's end, counted in bytes since its beginning; and the number of purges. */
  readonly control: BigInt64Array;
  readonly marks: BigInt64Array;
  /** Whose the lead is; 0: nobody's. */
  readonly leads: Int32Array;
  /** Until when it is vain to wait, in seconds since the epoch. */
  readonly vain: Int32Array;
  /** Where the record begins, and the first bytes of its key. */
  readonly places: BigInt64Array;
  readonly buckets: number;
  readonly ring: Uint8Array;
}

const bucketsOf = (ringBytes: number): number =>
  2 ** Math.max(4, Math.ceil(Math.log2(ringBytes / bytesForPlace / ways)));

/** Pages that nothing was written to take no memory. */
export function createAnswerMemory(ringBytes: number): AnswerMemory {
  const rounded = Math.ceil(ringBytes / 8) * 8;
  const bytes = tableOffset + bucketsOf(rounded) * ways * 16 + rounded;
  return { buffer: new SharedArrayBuffer(bytes), ringBytes: rounded };
}

export function layoutOf({ buffer, ringBytes }: AnswerMemory): Layout {
  const buckets = bucketsOf(ringBytes);
  const ringOffset = tableOffset + buckets * ways * 16;
  return {
    control: new BigInt64Array(buffer, 0, controlBytes / 8),
    marks: new BigInt64Array(buffer, markOffset, markPlaces),
    leads: new Int32Array(buffer, leadOffset, leadPlaces),
    vain: new Int32Array(buffer, vainOffset, leadPlaces),
    places: new BigInt64Array(buffer, tableOffset, buckets * ways * 2),
    buckets,
    ring: new Uint8Array(buffer, ringOffset, ringBytes),
  };
}

/** Keys and marks are told apart by the first half of their SHA-256: nobody makes two that are alike. */
export const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer').subarray(0, 16);

export const markPlaceOf = (mark: string): number => digestOf(mark).readUInt16LE(0);
