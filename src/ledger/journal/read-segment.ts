import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { frameType, parseFrame, type Damage, type Frame } from './frame.ts';
import { parseRecord, type JournalRecord } from './record.ts';
import { parseSegmentName, type SegmentIdentity } from './segment-name.ts';
import { segmentMagic } from './segment-writer.ts';

export interface SegmentContents {
  /** Null when not even the header can be trusted. */
  readonly identity: SegmentIdentity | null;
  /** In the order they were written. */
  readonly records: readonly JournalRecord[];
  /** Frames that are intact on disk and yet make no sense; kept so that somebody can look. */
  readonly rejected: readonly RejectedFrame[];
  /** Bytes that were read and trusted. */
  readonly trustedBytes: number;
  /** Why reading stopped before the end; null when it did not. */
  readonly damage: Damage | null;
}

export interface RejectedFrame {
  readonly offset: number;
  readonly type: number;
  readonly payload: string;
  readonly reason: string;
}

/**
 * Reads a segment, open or sealed, up to the first byte that cannot be trusted. @throws the file system's error;
 * damage is an answer, not an error.
 */
export function readSegment(path: string): SegmentContents {
  const upTo = parseSegmentName(basename(path))?.trustedBytes ?? null;
  const bytes = readFileSync(path);
  return parseSegment(upTo === null ? bytes : bytes.subarray(0, upTo));
}

/** Parses the bytes of a segment. Never throws. */
export function parseSegment(bytes: Buffer): SegmentContents {
  const records: JournalRecord[] = [];
  const rejected: RejectedFrame[] = [];
  const start = parseHeader(bytes);
  if ('damage' in start) {
    return { identity: null, records, rejected, trustedBytes: 0, damage: start.damage };
  }
  let offset = start.end;
  let damage: Damage | null = null;
  while (offset < bytes.length) {
    const frame = parseFrame(bytes, offset);
    if ('kind' in frame) {
      damage = frame;
      break;
    }
    try {
      const record = parseRecord(frame.type, frame.payload);
      if (record) records.push(record);
      else rejected.push({ offset, ...pick(frame), reason: 'unknown type' });
    } catch (error) {
      rejected.push({ offset, ...pick(frame), reason: String(error) });
    }
    offset = frame.end;
  }
  return { identity: start.identity, records, rejected, trustedBytes: offset, damage };
}

function parseHeader(bytes: Buffer): { identity: SegmentIdentity; end: number } | { damage: Damage } {
  const size = segmentMagic.length;
  if (bytes.length < size) {
    return { damage: { kind: 'torn', offset: 0, reason: 'shorter than a segment header' } };
  }
  if (!bytes.subarray(0, size).equals(segmentMagic)) {
    return { damage: { kind: 'corrupt', offset: 0, reason: 'does not begin as a segment' } };
  }
  const frame = parseFrame(bytes, size);
  if ('kind' in frame) return { damage: frame };
  if (frame.type !== frameType.segment) {
    return { damage: { kind: 'corrupt', offset: size, reason: 'the first frame is no header' } };
  }
  try {
    return { identity: JSON.parse(frame.payload) as SegmentIdentity, end: frame.end };
  } catch (error) {
    return { damage: { kind: 'corrupt', offset: size, reason: String(error) } };
  }
}

const pick = (frame: Frame): { type: number; payload: string } => ({
  type: frame.type,
  payload: frame.payload,
});
