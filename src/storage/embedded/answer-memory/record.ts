import { crc32 } from 'node:zlib';

/**
 * One answer as it lies in the ring, little-endian:
 *
 *   0  u32  CRC-32 of all that follows
 *   4  u32  bytes of the record
 *   8  f64  where in the ring it begins, counted since the ring's beginning
 *  16  16   digest of its key
 *  32  f64  when its lifetime ends, in milliseconds since the epoch
 *  40  f64  its stamp
 *  48  u16  marks
 *  50  u16  each, then the value
 */
export const headBytes = 50;
export const mostMarks = 512;

export interface RecordParts {
  readonly digest: Buffer;
  readonly untilMs: number;
  readonly stamp: number;
  readonly marks: readonly number[];
  readonly value: Buffer;
}

/** Rounded up, so that records begin at multiples of 8. */
export const sizeOf = ({ marks, value }: Pick<RecordParts, 'marks' | 'value'>): number =>
  Math.ceil((headBytes + marks.length * 2 + value.length) / 8) * 8;

export function renderRecord(parts: RecordParts, at: number): Buffer {
  const { digest, untilMs, stamp, marks, value } = parts;
  const size = sizeOf(parts);
  const record = Buffer.allocUnsafe(size);
  const end = headBytes + marks.length * 2 + value.length;
  record.writeUInt32LE(end, 4);
  record.set(digest, 16);
  record.writeDoubleLE(untilMs, 32);
  record.writeDoubleLE(stamp, 40);
  record.writeUInt16LE(marks.length, 48);
  marks.forEach((mark, i) => record.writeUInt16LE(mark, headBytes + i * 2));
  record.set(value, headBytes + marks.length * 2);
  record.fill(0, end);
  return placeRecord(record, at);
}

/** The same record for another place in the ring; changes it. */
export function placeRecord(record: Buffer, at: number): Buffer {
  record.writeDoubleLE(at, 8);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** Null: the bytes are none, or were overwritten while they were copied. */
export function parseRecord(record: Buffer): RecordParts | null {
  if (record.readUInt32LE(0) !== crc32(record.subarray(4))) return null;
  const count = record.readUInt16LE(48);
  const marks = Array.from({ length: count }, (_, i) => record.readUInt16LE(headBytes + i * 2));
  return {
    digest: record.subarray(16, 32),
    untilMs: record.readDoubleLE(32),
    stamp: record.readDoubleLE(40),
    marks,
    value: record.subarray(headBytes + count * 2, record.readUInt32LE(4)),
  };
}
