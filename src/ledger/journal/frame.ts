import { crc32 } from 'node:zlib';

/**
 * One record on disk. Little endian:
 *
 *     0  u32  CRC-32 of everything after it, payload included
 *     4  u32  length of the payload in bytes
 *     8  u8   format version
 *     9  u8   type
 *    10  u16  zero
 *    12  …    payload, UTF-8 JSON
 *
 * The checksum covers the length and the type, so a flipped bit anywhere in a frame makes the whole frame invalid.
 */
export const frameHeaderBytes = 12;
export const formatVersion = 1;

/** Types are written to disk: never renumber, only add. */
export const frameType = { segment: 0, intent: 1, progress: 2, receipt: 3, event: 4 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export interface Frame {
  readonly type: number;
  readonly offset: number;
  /** Offset of the first byte after the frame. */
  readonly end: number;
}

export interface Damage {
  /** `torn`: the bytes end inside a frame. `corrupt`: they are there and wrong. `version`: not ours to read. */
  readonly kind: 'torn' | 'corrupt' | 'version';
  /** Where the first untrusted byte is. */
  readonly offset: number;
  readonly reason: string;
}

/** Room that a payload of `characters` UTF-16 units can need at most, header included. */
export function frameRoom(characters: number): number {
  return frameHeaderBytes + characters * 3;
}

/**
 * Renders one frame into `buffer` at `offset`, which must have `frameRoom(payload.length)` bytes left.
 * Returns the offset after the frame.
 */
export function renderFrame(
  buffer: Buffer,
  offset: number,
  record: { type: FrameType; payload: string },
): number {
  const length = buffer.write(record.payload, offset + frameHeaderBytes);
  const end = offset + frameHeaderBytes + length;
  buffer.writeUInt32LE(length, offset + 4);
  buffer[offset + 8] = formatVersion;
  buffer[offset + 9] = record.type;
  buffer[offset + 10] = 0;
  buffer[offset + 11] = 0;
  buffer.writeUInt32LE(crc32(buffer.subarray(offset + 4, end)), offset);
  return end;
}

/** Parses the frame at `offset`, or says why what stands there cannot be trusted. */
export function parseFrame(bytes: Buffer, offset: number): Frame | Damage {
  const left = bytes.length - offset;
  if (left < frameHeaderBytes) return { kind: 'torn', offset, reason: `${left} bytes are no frame header` };
  const length = bytes.readUInt32LE(offset + 4);
  const end = offset + frameHeaderBytes + length;
  if (end > bytes.length) {
    return {
      kind: 'torn',
      offset,
      reason: `frame wants ${length} bytes, ${left - frameHeaderBytes} are left`,
    };
  }
  if (crc32(bytes.subarray(offset + 4, end)) !== bytes.readUInt32LE(offset)) {
    return { kind: 'corrupt', offset, reason: 'checksum does not match' };
  }
  const version = bytes[offset + 8]!;
  if (version !== formatVersion) {
    return {
      kind: 'version',
      offset,
      reason: `format version ${version}, this build reads ${formatVersion}`,
    };
  }
  return { type: bytes[offset + 9]!, offset, end };
}

/** The JSON text within a frame. */
export function payloadOf(bytes: Buffer, frame: Frame): string {
  return bytes.toString('utf8', frame.offset + frameHeaderBytes, frame.end);
}
