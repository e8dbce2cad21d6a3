import type { EventRecord } from '#core/contracts/events.ts';
import type { AttemptProgress } from '#core/contracts/journal.ts';
import { frameType, type Frame } from '../journal/frame.ts';
import { parsePayload, type SegmentContents } from '../journal/read-segment.ts';
import { peekIntent, type JournalRecord } from '../journal/record.ts';
import { mapEntry, type ReceiptEntry } from './receipt-entry.ts';

export interface LoadedSegment {
  /** File name without its folder. */
  readonly name: string;
  readonly sealed: boolean;
  readonly contents: SegmentContents;
}

/** What somebody must look at. One with the same kind, subject and position is the same one. */
export interface Incident {
  readonly kind: 'damage' | 'frame' | 'refused' | 'conflict' | 'pruned';
  readonly subject: string;
  readonly position: number;
  readonly reason: string;
  readonly content: string | null;
}

export interface AttemptName {
  readonly exchange: string;
  readonly attempt: number;
}

export interface OpenAttempt extends AttemptName {
  readonly worker: number;
  readonly incarnation: string;
  /** As it was written. */
  readonly intent: string;
  readonly progress: AttemptProgress | null;
}

/** What a batch of segments says, before a database is asked. */
export interface GatheredBatch {
  readonly segments: readonly { readonly name: string; readonly trustedBytes: number }[];
  readonly entries: readonly ReceiptEntry[];
  /** Begun and, as far as the batch knows, not settled. */
  readonly opened: readonly OpenAttempt[];
  /** The latest mark of attempts that were begun elsewhere. */
  readonly marks: readonly AttemptProgress[];
  readonly events: readonly EventRecord[];
  readonly incidents: readonly Incident[];
}

interface Begun {
  readonly segment: LoadedSegment;
  readonly frame: Frame;
  readonly intent: string;
}

/** Reads segments, which may come in any order and any number of times, as one batch. Nothing here fails. */
export function gatherSegments(segments: Iterable<LoadedSegment>): GatheredBatch {
  const gathering = new Gathering();
  for (const segment of segments) gathering.add(segment);
  return gathering.end();
}

class Gathering {
  readonly #segments: { name: string; trustedBytes: number }[] = [];
  readonly #entries: ReceiptEntry[] = [];
  /** By exchange, then number. */
  readonly #begun = new Map<string, Map<number, Begun>>();
  readonly #marks = new Map<string, AttemptProgress>();
  readonly #events: EventRecord[] = [];
  readonly #incidents: Incident[] = [];

  add(segment: LoadedSegment): void {
    const { name, contents } = segment;
    this.#segments.push({ name, trustedBytes: contents.trustedBytes });
    const { damage } = contents;
    if (damage && isWorthKeeping(segment)) {
      const reason = `${damage.kind}: ${damage.reason}`;
      this.#incidents.push({ kind: 'damage', subject: name, position: damage.offset, reason, content: null });
    }
    for (const frame of contents.frames) this.#take(segment, frame, contents.payload(frame));
  }

  /** Most exchanges end in the batch they began in: their open attempts never touch a database. */
  end(): GatheredBatch {
    for (const { receipt } of this.#entries) {
      const begun = this.#begun.get(receipt.id);
      for (const { number } of receipt.attempts) {
        begun?.delete(number);
        this.#marks.delete(nameOf({ exchange: receipt.id, attempt: number }));
      }
    }
    const opened: OpenAttempt[] = [];
    for (const [exchange, attempts] of this.#begun) {
      for (const [attempt, begun] of attempts) this.#open({ exchange, attempt }, begun, opened);
    }
    return {
      segments: this.#segments,
      entries: this.#entries,
      opened,
      marks: [...this.#marks.values()],
      events: this.#events,
      incidents: this.#incidents,
    };
  }

  #take(segment: LoadedSegment, frame: Frame, payload: string): void {
    if (frame.type === frameType.intent) return this.#begin({ segment, frame, intent: payload });
    const record = parsePayload(frame.type, payload);
    if ('reason' in record) return this.#setAside(segment, frame, { reason: record.reason, payload });
    if (record.type === 'progress') this.#mark(record.progress);
    else if (record.type === 'event') this.#events.push(record.event);
    else if (record.type === 'receipt') this.#enter(record);
  }

  #begin(begun: Begun): void {
    const { segment, frame, intent: payload } = begun;
    try {
      const { exchange, attempt } = peekIntent(payload);
      const attempts = this.#begun.get(exchange) ?? new Map<number, Begun>();
      attempts.set(attempt, begun);
      this.#begun.set(exchange, attempts);
    } catch (error) {
      this.#setAside(segment, frame, { reason: String(error), payload });
    }
  }

  #mark(progress: AttemptProgress): void {
    const name = nameOf(progress);
    const known = this.#marks.get(name);
    if (!known || known.atMs <= progress.atMs) this.#marks.set(name, progress);
  }

  #enter({ receipt, body, booked }: Extract<JournalRecord, { type: 'receipt' }>): void {
    try {
      this.#entries.push(mapEntry(receipt, body, booked));
    } catch (error) {
      // What no book can hold must not hold up all others.
      this.#incidents.push(refusedRecord(String(receipt.id), error, body));
    }
  }

  #open(name: AttemptName, { segment, frame, intent: payload }: Begun, opened: OpenAttempt[]): void {
    const record = parsePayload(frameType.intent, payload);
    if ('reason' in record) return this.#setAside(segment, frame, { reason: record.reason, payload });
    const { worker, incarnation } = segment.contents.identity!;
    const progress = this.#marks.get(nameOf(name)) ?? null;
    this.#marks.delete(nameOf(name));
    opened.push({ ...name, worker, incarnation, intent: payload, progress });
  }

  #setAside(segment: LoadedSegment, frame: Frame, of: { reason: string; payload: string }): void {
    const { reason, payload: content } = of;
    const incident = { subject: segment.name, position: frame.offset, reason, content };
    this.#incidents.push({ kind: 'frame', ...incident });
  }
}

export const nameOf = ({ exchange, attempt }: AttemptName): string => `${exchange}/${attempt}`;

export const refusedRecord = (subject: string, reason: unknown, content: string): Incident => ({
  kind: 'refused',
  subject,
  position: 0,
  reason: String(reason),
  content,
});

/** A writer that dies leaves a torn end, and that is no loss: nobody was told that it was written. Else it is. */
export function isWorthKeeping({ contents, sealed }: LoadedSegment): boolean {
  const { damage } = contents;
  return damage !== null && (sealed || damage.kind !== 'torn');
}
