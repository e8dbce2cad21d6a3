import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const shape = /^audit-(\d{10})\.jsonl$/;

/** Where the chain of a state directory is. */
export const chainFolder = (stateDirectory: string): string => join(stateDirectory, 'audit');

export const segmentName = (number: number): string => `audit-${String(number).padStart(10, '0')}.jsonl`;

/** Null: it is no segment. */
export function segmentNumber(name: string): number | null {
  const match = shape.exec(name);
  return match ? Number(match[1]) : null;
}

/** Numbers of the segments that are there, ascending; none where there is no folder. */
export function segmentsIn(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .map(segmentNumber)
    .filter((number) => number !== null)
    .sort((a, b) => a - b);
}
