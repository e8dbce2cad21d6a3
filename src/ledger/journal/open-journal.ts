import * as fs from 'node:fs';
import type { EventRecord } from '#core/contracts/events.ts';
import type { AttemptIntent, AttemptProgress, Journal, ReservedAmount } from '#core/contracts/journal.ts';
import type { Receipt } from '#core/receipt.ts';
import { frameRoom, frameType, renderFrame, type FrameType } from './frame.ts';
import { renderSettlement } from './record.ts';
import { SegmentWriter, type SegmentFiles } from './segment-writer.ts';

export interface JournalOptions {
  /** Must exist. */
  readonly directory: string;
  readonly worker: number;
  /** Unique for each life of a worker, over restarts too. Letters, digits and dots. */
  readonly incarnation: string;
  /** `strict`: callbacks run once their records are on the disk. Each turn with a callback waits for it. */
  readonly durability?: 'usual' | 'strict';
  /** A segment is complete and will not change: hand it to the ledger. */
  readonly onSealed: (path: string) => void;
  /** The file system, for tests of its failures. */
  readonly files?: SegmentFiles;
}

export interface SegmentedJournal extends Journal {
  /** Writes what is waiting and seals the segment in hand. */
  seal(): void;
  /** Seals; whatever is recorded afterwards is answered with an error. */
  close(): void;
}

type Done = (error: Error | null) => void;

const rotateMs = 100;
const rotateBytes = 1 << 20;
const usualBufferBytes = 1 << 18;

/**
 * Opens the append-only record of one worker. Records gather in one buffer and reach the page cache in one write per
 * turn of the event loop; then their callbacks run. When the write fails, all of that turn's callbacks get its error,
 * none of its records will be read back, and the next turn tries a new segment.
 */
export function openJournal(options: JournalOptions): SegmentedJournal {
  if (!/^[A-Za-z0-9.]+$/.test(options.incarnation)) {
    throw new RangeError(`expected letters, digits and dots, got incarnation "${options.incarnation}"`);
  }
  return new BufferedJournal(options);
}

class BufferedJournal implements SegmentedJournal {
  readonly #options: JournalOptions;
  readonly #files: SegmentFiles;
  readonly #flush = (): void => this.#write();
  readonly #rotate = (): void => this.#sealSegment();
  #buffer = Buffer.allocUnsafeSlow(usualBufferBytes);
  #filled = 0;
  #waiting: Done[] = [];
  #scheduled = false;
  #segment: SegmentWriter | null = null;
  #sequence = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#files = options.files ?? fs;
  }

  intent(record: AttemptIntent, done: Done): void {
    this.#append(frameType.intent, JSON.stringify(record), done);
  }

  progress(record: AttemptProgress): void {
    this.#append(frameType.progress, JSON.stringify(record), null);
  }

  receipt(record: Receipt, booked: readonly ReservedAmount[], done: Done): void {
    this.#append(frameType.receipt, renderSettlement(record, booked), done);
  }

  event(record: EventRecord, done: Done): void {
    this.#append(frameType.event, JSON.stringify(record), done);
  }

  seal(): void {
    this.#write();
    this.#sealSegment();
  }

  close(): void {
    this.seal();
    this.#closed = true;
  }

  #append(type: FrameType, payload: string, done: Done | null): void {
    if (this.#closed) {
      if (done) setImmediate(done, new Error('the journal is closed'));
      return;
    }
    const room = this.#filled + frameRoom(payload.length);
    if (room > this.#buffer.length) this.#grow(room);
    this.#filled = renderFrame(this.#buffer, this.#filled, { type, payload });
    if (done) this.#waiting.push(done);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  #grow(room: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(room, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }

  #write(): void {
    this.#scheduled = false;
    if (this.#filled === 0) return;
    const waiting = this.#waiting;
    const filled = this.#filled;
    this.#waiting = [];
    this.#filled = 0;
    const isSynced = this.#options.durability === 'strict' && waiting.length > 0;
    const error = this.#writeBatch(filled, isSynced);
    if (this.#buffer.length > usualBufferBytes) this.#buffer = Buffer.allocUnsafeSlow(usualBufferBytes);
    for (const done of waiting) answer(done, error);
    if (error || (this.#segment && this.#segment.bytes >= rotateBytes)) this.#sealSegment();
  }

  #writeBatch(filled: number, isSynced: boolean): Error | null {
    try {
      this.#segment ??= this.#openSegment();
      this.#segment.append(this.#buffer, filled, isSynced);
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #openSegment(): SegmentWriter {
    const { directory, worker, incarnation } = this.#options;
    const segment = new SegmentWriter(this.#files, directory, {
      worker,
      incarnation,
      sequence: this.#sequence,
    });
    this.#sequence += 1;
    this.#timer = setTimeout(this.#rotate, rotateMs).unref();
    return segment;
  }

  #sealSegment(): void {
    const segment = this.#segment;
    if (!segment) return;
    this.#segment = null;
    if (this.#timer) clearTimeout(this.#timer);
    const path = segment.seal();
    if (path !== null) this.#options.onSealed(path);
  }
}

/** One caller's mistake must not keep the news from the others: it surfaces on its own. */
function answer(done: Done, error: Error | null): void {
  try {
    done(error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
