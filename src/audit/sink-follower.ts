import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditSinkRules } from '#core/contracts/audit.ts';
import { segmentName, segmentsIn } from './places.ts';
import { parseLine, parseRecord } from './record.ts';

export interface FollowerSettings {
  readonly folder: string;
  /** Where it is kept how far the sink is. */
  readonly stateDirectory: string;
  readonly rules: AuditSinkRules;
  /** Whole lines of the chain. Resolves with why they were not taken; null: they were. Never rejects. */
  post(lines: Buffer): Promise<string | null>;
}

interface Place {
  readonly segment: number;
  readonly offset: number;
  /** Of the record before it; null: that is not known. */
  readonly sequence: number | null;
}

const lookEveryMs = 1000;
const longestWaitMs = 60_000;
const batchBytes = 256 * 1024;
const folderName = 'audit-sinks';

/**
 * Brings the chain's records to one place more, from the disk: whoever writes the chain does not wait for it, and does not know
 * of it. Each record at least once. One that is too far behind skips, and it is counted what it has missed.
 */
export class SinkFollower {
  readonly #settings: FollowerSettings;
  readonly #path: string;
  #place: Place;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #waitMs = lookEveryMs;
  sent = 0;
  failed = 0;
  dropped = 0;
  /** Why the last try was not taken; null: it was. */
  failing: string | null = null;

  constructor(settings: FollowerSettings) {
    this.#settings = settings;
    this.#path = join(settings.stateDirectory, folderName, `${settings.rules.name}.json`);
    this.#place = readPlace(this.#path);
  }

  get name(): string {
    return this.#settings.rules.name;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#turn(), this.#waitMs).unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #turn(): Promise<void> {
    try {
      while (!this.#closed && (await this.#step()));
    } catch (error) {
      // What is read was removed meanwhile, or cannot be read now.
      this.failing = (error as Error).message;
    }
    this.start();
  }

  /** False: there is nothing to send, or it was not taken. */
  async #step(): Promise<boolean> {
    await this.#skip();
    const { folder, post } = this.#settings;
    const { segment, offset } = this.#place;
    const lines = await readLines(join(folder, segmentName(segment)), offset);
    if (lines.length === 0) {
      if (!segmentsIn(folder).includes(segment + 1)) return false;
      this.#place = { ...this.#place, segment: segment + 1, offset: 0 };
      return true;
    }
    const reason = await post(lines);
    this.failing = reason;
    if (reason !== null) {
      this.failed += 1;
      this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
      return false;
    }
    this.#waitMs = lookEveryMs;
    this.#passed(lines);
    return true;
  }

  /** What is gone from the disk, or is more than may wait, is not sent. */
  async #skip(): Promise<void> {
    const { folder, rules } = this.#settings;
    const segments = segmentsIn(folder);
    const first = segments[0];
    if (first === undefined) return;
    if (this.#place.segment < first) this.#place = { ...this.#place, segment: first, offset: 0 };
    let behind = -this.#place.offset;
    const sizes = new Map<number, number>();
    for (const number of segments.filter((each) => each >= this.#place.segment)) {
      const { size } = await stat(join(folder, segmentName(number)));
      sizes.set(number, size);
      behind += size;
    }
    for (const [number, size] of sizes) {
      if (behind <= rules.maxBehindBytes || !sizes.has(number + 1)) break;
      behind -= size - (number === this.#place.segment ? this.#place.offset : 0);
      this.#place = { ...this.#place, segment: number + 1, offset: 0 };
    }
    if (behind > rules.maxBehindBytes) await this.#skipWithin(behind - rules.maxBehindBytes);
  }

  async #skipWithin(bytes: number): Promise<void> {
    const { segment, offset } = this.#place;
    const path = join(this.#settings.folder, segmentName(segment));
    const lines = await readLines(path, offset + bytes);
    // To the next beginning of a line.
    const end = lines.indexOf(0x0a);
    if (end >= 0) this.#place = { ...this.#place, offset: offset + bytes + end + 1 };
  }

  #passed(lines: Buffer): void {
    const [first, last] = [sequenceOf(lines, 'first'), sequenceOf(lines, 'last')];
    const before = this.#place.sequence;
    if (first !== null && before !== null) this.dropped += Math.max(0, first - before - 1);
    if (first !== null && last !== null) this.sent += last - first + 1;
    this.#place = { ...this.#place, offset: this.#place.offset + lines.length, sequence: last ?? before };
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#path}.new`, JSON.stringify(this.#place), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/** Nothing was sent yet: from the first record on. */
function readPlace(path: string): Place {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Place;
  } catch {
    return { segment: 1, offset: 0, sequence: 0 };
  }
}

/** Whole lines, about as many as go into one request, at least one where there is one; empty: there is none. */
async function readLines(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return Buffer.alloc(0);
  try {
    for (let bytes = batchBytes; ; bytes *= 4) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (end >= 0) return buffer.subarray(0, end + 1);
      if (bytesRead < bytes) return Buffer.alloc(0);
    }
  } finally {
    await file.close();
  }
}

function sequenceOf(lines: Buffer, which: 'first' | 'last'): number | null {
  const end = which === 'first' ? lines.indexOf(0x0a) : lines.length - 1;
  const from = which === 'first' ? 0 : lines.lastIndexOf(0x0a, lines.length - 2) + 1;
  const line = parseLine(lines.subarray(from, end));
  return (line && parseRecord(line.body)?.sequence) ?? null;
}
