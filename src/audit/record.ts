import { createHash } from 'node:crypto';
import { renderCanonical } from './canonical-json.ts';

/** What the first record of the first segment follows. */
export const noHash = '0'.repeat(64);

/** One line of a segment, without its line end: `{"hash":"…","record":…}`. */
export interface ChainLine {
  readonly hash: string;
  /** The record's canonical JSON, in the bytes that were hashed. */
  readonly body: Buffer;
}

export interface ChainRecord {
  /** Counts from 1, over all segments. */
  readonly sequence: number;
  readonly atMs: number;
  /** `segment`, `change`, `exchange`, `dropped`, `retention`, `erased`, `recovered`, `missing`. */
  readonly kind: string;
  readonly [member: string]: unknown;
}

const beforeHash = Buffer.from('{"hash":"');
const afterHash = Buffer.from('","record":');
const hashDigits = 64;
const bodyAt = beforeHash.length + hashDigits + afterHash.length;

/** SHA-256 over the hash before (its 32 bytes) and the record's bytes. */
export function hashAfter(previous: string, body: Buffer): string {
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(body).digest('hex');
}

/** A record as a line with its line end, after the record of the hash `previous`. */
export function renderLine(previous: string, record: ChainRecord): { line: Buffer; hash: string } {
  const body = Buffer.from(renderCanonical(record));
  const hash = hashAfter(previous, body);
  return { line: Buffer.concat([beforeHash, Buffer.from(hash), afterHash, body, Buffer.from('}\n')]), hash };
}

/** Null: it is no line of a chain. `line` is without its line end. */
export function parseLine(line: Buffer): ChainLine | null {
  if (line.length <= bodyAt + 2) return null;
  if (!line.subarray(0, beforeHash.length).equals(beforeHash)) return null;
  if (!line.subarray(bodyAt - afterHash.length, bodyAt).equals(afterHash)) return null;
  if (line[line.length - 1] !== 0x7d) return null;
  const hash = line.toString('latin1', beforeHash.length, beforeHash.length + hashDigits);
  return /^[0-9a-f]{64}$/.test(hash) ? { hash, body: line.subarray(bodyAt, line.length - 1) } : null;
}

/** Null: it is no record. */
export function parseRecord(body: Buffer): ChainRecord | null {
  try {
    const record = JSON.parse(body.toString('utf8')) as ChainRecord | null;
    return typeof record?.sequence === 'number' && typeof record.kind === 'string' ? record : null;
  } catch {
    return null;
  }
}
