import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRules } from '#core/contracts/audit.ts';
import { segmentName, segmentsIn } from './places.ts';
import { parseLine, parseRecord, type ChainRecord } from './record.ts';

export interface Drop {
  readonly numbers: readonly number[];
  /** The last of them, and the hash that its successor follows. */
  readonly through: number;
  readonly hash: string;
  readonly reason: string;
}

interface RetentionScope {
  /** The segment that is written to: it stays. */
  readonly current: number;
  readonly rules: Pick<AuditRules, 'keepMs' | 'maxBytes'>;
  readonly nowMs: number;
}

/** Whole segments that have had their time, or are the oldest of too many; null: all may stay. */
export function segmentsToDrop(folder: string, { current, rules, nowMs }: RetentionScope): Drop | null {
  const segments = segmentsIn(folder).filter((number) => number <= current);
  let total = segments.reduce((sum, number) => sum + statSync(join(folder, segmentName(number))).size, 0);
  const numbers: number[] = [];
  const reasons = new Set<string>();
  let hash = '';
  for (const [i, number] of segments.entries()) {
    const next = segments[i + 1];
    if (next === undefined) break;
    const first = firstRecord(join(folder, segmentName(next)));
    if (typeof first?.['previous'] !== 'string') break;
    const isOld = rules.keepMs > 0 && first.atMs < nowMs - rules.keepMs;
    const isTooMuch = rules.maxBytes > 0 && total > rules.maxBytes;
    if (!isOld && !isTooMuch) break;
    reasons.add(isOld ? 'age' : 'size');
    numbers.push(number);
    hash = first['previous'];
    total -= statSync(join(folder, segmentName(number))).size;
  }
  const through = numbers.at(-1);
  return through === undefined ? null : { numbers, through, hash, reason: [...reasons].join(', ') };
}

/** A segment's first record says what it follows; it is short. */
function firstRecord(path: string): ChainRecord | null {
  const bytes = Buffer.alloc(1024);
  const file = openSync(path, 'r');
  try {
    const read = readSync(file, bytes, 0, bytes.length, 0);
    const end = bytes.subarray(0, read).indexOf(0x0a);
    const line = end < 0 ? null : parseLine(bytes.subarray(0, end));
    return line && parseRecord(line.body);
  } finally {
    closeSync(file);
  }
}
