import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRules } from '#core/contracts/audit.ts';
import { readHead, writeHead, type ChainHead } from './chain-head.ts';
import { segmentName, segmentsIn } from './places.ts';
import { noHash, renderLine, type ChainRecord } from './record.ts';
import { segmentsToDrop } from './retention.ts';
import { judgeLines, readSegment } from './segment-lines.ts';

/** A record before it has its place. */
export type NewRecord = Omit<ChainRecord, 'sequence' | 'atMs'>;

export interface ChainSettings {
  readonly folder: string;
  /** What the head is sealed with. */
  readonly secret: Uint8Array;
  readonly rules: Pick<AuditRules, 'keepMs' | 'maxBytes' | 'segmentBytes'>;
  nowMs(): number;
}

const format = 1;

/**
 * Appends to the chain. For one thread of one process, which owns the state directory. What a crash has left of a last line is
 * taken off when it is opened; whatever else is missing is not mended: a new segment says so.
 */
export class ChainWriter {
  rules: ChainSettings['rules'];
  readonly #settings: ChainSettings;
  #head: ChainHead;
  #file: number | null = null;
  /** The file has more than the head knows of: something went wrong in the middle of a write. */
  #isAhead = false;
  /** Lines are written that may not be on the disk, and that the head on the disk does not know of. */
  #isLoose = false;

  constructor(settings: ChainSettings) {
    this.#settings = settings;
    this.rules = settings.rules;
    const sealed = readHead(settings.folder, settings.secret);
    const segments = segmentsIn(settings.folder);
    if (typeof sealed === 'object' && this.#fits(sealed)) {
      this.#head = sealed;
      this.#takeUp(segments);
    } else {
      this.#head = this.#lastKnown(sealed, segments);
      const why = {
        none: 'the head of the log was taken away',
        forged: 'the head of the log is not as it was written',
      };
      this.#goOnBehind(segments, typeof sealed === 'string' ? why[sealed] : 'the end of the log was cut off');
    }
    this.sync();
  }

  get head(): ChainHead {
    return this.#head;
  }

  /** All of them, or none. On the disk when it returns. @throws Error of the file system; nothing was recorded then. */
  append(records: readonly NewRecord[]): void {
    if (records.length === 0) return;
    this.#makeRoom();
    const before = this.#head;
    this.#write(records);
    try {
      this.sync();
    } catch (error) {
      // The next one is written over them.
      this.#head = before;
      this.#isAhead = true;
      throw error;
    }
  }

  /**
   * All of them, or none. They outlive this process; what outlives a loss of power is there after the next `sync`, and until
   * then nobody can tell that they were cut off. @throws Error of the file system; nothing was recorded then.
   */
  appendLoose(records: readonly NewRecord[]): void {
    if (records.length === 0) return;
    this.#makeRoom();
    this.#write(records);
  }

  /** Puts on the disk what was written, and then the head. @throws Error of the file system */
  sync(): void {
    if (!this.#isLoose || this.#file === null) return;
    fsyncSync(this.#file);
    writeHead(this.#settings.folder, this.#head, this.#settings.secret);
    this.#isLoose = false;
  }

  /** Removes segments that the rules want gone, and says so in the chain before. */
  prune(): void {
    const { folder, nowMs } = this.#settings;
    const drop = segmentsToDrop(folder, { current: this.#head.segment, rules: this.rules, nowMs: nowMs() });
    if (!drop) return;
    this.append([{ kind: 'retention', through: drop.through, hash: drop.hash, reason: drop.reason }]);
    for (const number of drop.numbers) rmSync(join(folder, segmentName(number)), { force: true });
  }

  /** @throws Error of the file system: what was written last may not be on the disk. */
  close(): void {
    try {
      this.sync();
    } finally {
      if (this.#file !== null) closeSync(this.#file);
      this.#file = null;
    }
  }

  /** Is as much there as the head says? */
  #fits({ segment, bytes }: ChainHead): boolean {
    return bytes === 0 || sizeOf(join(this.#settings.folder, segmentName(segment))) >= bytes;
  }

  /** What was written after the head was: whole lines that follow count, a torn one is taken off. */
  #takeUp(segments: readonly number[]): void {
    const { folder } = this.#settings;
    let torn: { segment: string; bytes: number } | null = null;
    for (;;) {
      const { segment: number, bytes } = this.#head;
      const segment = readSegment(folder, number);
      for (const { endBytes, line, record, fault } of judgeLines(segment, bytes, this.#head)) {
        if (fault !== null) break;
        this.#head = {
          segment: number,
          bytes: endBytes,
          sequence: record!.sequence,
          hash: line!.hash,
        };
      }
      const left = segment.length - this.#head.bytes;
      if (left > 0) {
        // Only the last segment can be torn by a crash.
        if (segments.includes(number + 1))
          return this.#goOnBehind(segments, `${segmentName(number)} is damaged`);
        torn = { segment: segmentName(number), bytes: left };
        break;
      }
      if (!segments.includes(number + 1)) break;
      this.#head = { ...this.#head, segment: number + 1, bytes: 0 };
    }
    if (this.#head.bytes === 0) {
      // Not even its first line is whole: it begins anew.
      rmSync(join(folder, segmentName(this.#head.segment)), { force: true });
      this.#open(this.#head.segment);
    } else {
      this.#file = openSync(join(folder, segmentName(this.#head.segment)), 'r+');
      ftruncateSync(this.#file, this.#head.bytes);
      fsyncSync(this.#file);
      writeHead(folder, this.#head, this.#settings.secret);
    }
    if (torn) this.append([{ kind: 'recovered', ...torn }]);
  }

  /** Where to go on from when the head cannot be believed, or what it says is not there. */
  #lastKnown(sealed: ChainHead | 'none' | 'forged', segments: readonly number[]): ChainHead {
    if (typeof sealed === 'object') return sealed;
    const number = segments.at(-1);
    let head: ChainHead = { segment: number ?? 0, bytes: 0, sequence: 0, hash: noHash };
    if (number === undefined) return head;
    for (const { endBytes, line, record } of judgeLines(readSegment(this.#settings.folder, number), 0, head))
      if (line && record)
        head = { segment: number, bytes: endBytes, sequence: record.sequence, hash: line.hash };
    return head;
  }

  /** What is there is left as it is, and a new segment says what is wrong with it. */
  #goOnBehind(segments: readonly number[], reason: string): void {
    this.#open(Math.max(this.#head.segment, ...segments) + 1);
    this.append([{ kind: 'missing', reason, expected: this.#head.sequence - 1 }]);
  }

  #makeRoom(): void {
    if (this.#file === null || this.#head.bytes >= this.rules.segmentBytes) this.#rotate();
  }

  #rotate(): void {
    this.close();
    this.#open(this.#head.segment + 1);
    this.prune();
  }

  /** Begins a segment. */
  #open(number: number): void {
    const { folder } = this.#settings;
    this.#file = openSync(join(folder, segmentName(number)), 'w+', 0o600);
    const { hash } = this.#head;
    this.#head = { ...this.#head, segment: number, bytes: 0 };
    syncFolder(folder);
    this.#write([{ kind: 'segment', format, number, previous: hash }]);
  }

  #write(records: readonly NewRecord[]): void {
    const file = this.#file!;
    const { nowMs } = this.#settings;
    let { sequence, hash } = this.#head;
    const lines: Buffer[] = [];
    for (const record of records) {
      sequence += 1;
      const made = renderLine(hash, { ...record, sequence, atMs: nowMs() } as ChainRecord);
      hash = made.hash;
      lines.push(made.line);
    }
    const bytes = Buffer.concat(lines);
    const from = this.#head.bytes;
    if (this.#isAhead) ftruncateSync(file, from);
    this.#isAhead = true;
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, from + at);
    this.#head = { segment: this.#head.segment, bytes: from + bytes.length, sequence, hash };
    this.#isAhead = false;
    this.#isLoose = true;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** So that a file that was made is there after a loss of power. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
