import { closeSync, fdatasyncSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { frameType, parseFrame, payloadOf, type Damage, type Frame } from './frame.ts';
import { parseRecord, type JournalRecord } from './record.ts';
import { parseSegmentName, type SegmentIdentity } from './segment-name.ts';
import { segmentMagic } from './segment-writer.ts';

/** What a segment holds. Frames are parsed when they are asked for: most of what a ledger reads it needs only once. */
export class SegmentContents {
  /** Null when not even the header can be trusted. */
  readonly identity: SegmentIdentity | null;
  /** Intact frames after the header, in the order they were written. */
  readonly frames: readonly Frame[];
  /** Bytes that were read and trusted. */
  readonly trustedBytes: number;
  /** Why reading stopped before the end; null when it did not. */
  readonly damage: Damage | null;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, read: Pick<SegmentContents, 'identity' | 'frames' | 'trustedBytes' | 'damage'>) {
    this.#bytes = bytes;
    this.identity = read.identity;
    this.frames = read.frames;
    this.trustedBytes = read.trustedBytes;
    this.damage = read.damage;
  }

  payload(frame: Frame): string {
    return payloadOf(this.#bytes, frame);
  }

  /** All records that make sense. */
  get records(): JournalRecord[] {
    return this.frames
      .map((frame) => parsePayload(frame.type, this.payload(frame)))
      .filter((record) => 'type' in record);
  }
}

/** A record, or why an intact frame makes no sense: it is kept then, so that somebody can look. */
export function parsePayload(type: number, payload: string): JournalRecord | { readonly reason: string } {
  try {
    return parseRecord(type, payload) ?? { reason: `unknown type ${type}` };
  } catch (error) {
    return { reason: String(error) };
  }
}

/**
 * Reads a segment, open or sealed, up to the first byte that cannot be trusted, and when `sync` is set brings it to the
 * disk before. @throws the file system's error; damage is an answer, not an error.
 */
export function readSegment(path: string, sync = false): SegmentContents {
  const upTo = parseSegmentName(basename(path))?.trustedBytes ?? null;
  const fd = openSync(path, sync ? 'r+' : 'r');
  try {
    if (sync) fdatasyncSync(fd);
    const bytes = readFileSync(fd);
    return parseSegment(upTo === null ? bytes : bytes.subarray(0, upTo));
  } finally {
    closeSync(fd);
  }
}

/** Brings a segment to the disk. @throws the file system's error. */
export function syncSegment(path: string): void {
  const fd = openSync(path, 'r+');
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Parses the bytes of a segment. Never throws. */
export function parseSegment(bytes: Buffer): SegmentContents {
  const frames: Frame[] = [];
  const start = parseHeader(bytes);
  if ('damage' in start) {
    return new SegmentContents(bytes, { identity: null, frames, trustedBytes: 0, damage: start.damage });
  }
  let offset = start.end;
  let damage: Damage | null = null;
  while (offset < bytes.length) {
    const frame = parseFrame(bytes, offset);
    if ('kind' in frame) {
      damage = frame;
      break;
    }
    frames.push(frame);
    offset = frame.end;
  }
  return new SegmentContents(bytes, { identity: start.identity, frames, trustedBytes: offset, damage });
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
    return { identity: JSON.parse(payloadOf(bytes, frame)) as SegmentIdentity, end: frame.end };
  } catch (error) {
    return { damage: { kind: 'corrupt', offset: size, reason: String(error) } };
  }
}
