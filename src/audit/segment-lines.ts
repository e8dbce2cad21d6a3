import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName } from './places.ts';
import { hashAfter, parseLine, parseRecord, type ChainLine, type ChainRecord } from './record.ts';

/** One line of a segment, judged against what precedes it. */
export interface JudgedLine {
  /** From 1. */
  readonly number: number;
  /** Where it ends in the segment, in bytes, its line end included. */
  readonly endBytes: number;
  readonly line: ChainLine | null;
  readonly record: ChainRecord | null;
  /** What is wrong with it; null: it follows. */
  readonly fault: string | null;
}

/** How far a chain has come. */
export interface ChainPoint {
  readonly sequence: number;
  readonly hash: string;
}

/** An empty segment where there is no file. */
export function readSegment(folder: string, number: number): Buffer {
  try {
    return readFileSync(join(folder, segmentName(number)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** The whole lines of a segment from `fromBytes` on, each judged as the next of a chain that has come to `point`. */
export function* judgeLines(segment: Buffer, fromBytes: number, point: ChainPoint): Generator<JudgedLine> {
  let { sequence, hash } = point;
  let at = fromBytes;
  for (let number = 1; ; number++) {
    const end = segment.indexOf(0x0a, at);
    if (end < 0) return;
    const line = parseLine(segment.subarray(at, end));
    const record = line && parseRecord(line.body);
    const fault = faultOf(line, record, { sequence, hash });
    yield { number, endBytes: end + 1, line, record, fault };
    // What follows is judged by what this one says of itself, so that one change is one finding.
    if (line) hash = line.hash;
    sequence = record?.sequence ?? sequence + 1;
    at = end + 1;
  }
}

function faultOf(line: ChainLine | null, record: ChainRecord | null, before: ChainPoint): string | null {
  if (!line) return 'is no record of an audit log';
  if (hashAfter(before.hash, line.body) !== line.hash)
    return 'was changed, or does not follow the record before it';
  if (!record) return 'is no record of an audit log';
  if (record.sequence !== before.sequence + 1)
    return `has the number ${record.sequence}, and ${before.sequence + 1} is expected`;
  return null;
}
