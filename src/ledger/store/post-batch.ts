import type { AttemptIntent, AttemptProgress } from '#core/contracts/journal.ts';
import type { Receipt } from '#core/receipt.ts';
import { parseReceipt, renderReceipt } from '../journal/record.ts';
import { BatchSums } from './batch-sums.ts';
import { bodiesInBlock } from './body-block.ts';
import type { Books, BookTables, Correction, Dead, DeadAttempt, NumberedEntry } from './books.ts';
import { mapCrashReceipt, reservedBy, type CrashedAttempt } from './crash-receipt.ts';
import {
  nameOf,
  refusedRecord,
  type GatheredBatch,
  type Incident,
  type OpenAttempt,
} from './gather-segments.ts';
import { judgeRepeat, withLateAttempts, withLateMark } from './late-receipt.ts';
import { idDayOf, mapEntry, type ReceiptEntry } from './receipt-entry.ts';

export interface PostBatch {
  readonly tables: BookTables;
  readonly isRefusal: Books['isRefusal'];
  /**
   * Gives each record a savepoint, so that one that the database refuses for what it says is set aside instead of holding
   * up all others; it costs more, so it is the second try.
   */
  readonly careful: boolean;
}

/**
 * Puts a batch on the books. In whatever order and however often records come, the books end up the same: everything that
 * a receipt moves hangs on its id, and an open attempt on exchange and number.
 */
export async function postBatch(how: PostBatch, batch: GatheredBatch): Promise<void> {
  const { tables } = how;
  await tables.addSegments(batch.segments);
  const poster = new Poster(tables);
  const posted = await putAll(how, batch.entries, {
    put: (entries) => poster.post(entries),
    aside: ({ receipt, body }, error) => refusedRecord(receipt.id, error, body),
  });
  const closed = posted.flatMap(({ receipt }) =>
    receipt.attempts.map(({ number }) => ({ exchange: receipt.id, attempt: number })),
  );
  if (closed.length > 0) await tables.closeAttempts(closed);
  await putAll(how, batch.opened, {
    put: (opened) => openAttempts(tables, opened),
    aside: (opened, error) => refusedRecord(nameOf(opened), error, opened.intent),
  });
  await putAll(how, batch.marks, {
    put: (marks) => markAttempts(poster, marks),
    aside: (mark, error) => refusedRecord(nameOf(mark), error, JSON.stringify(mark)),
  });
  await putAll(how, batch.events, {
    put: (events) =>
      tables.addEvents(events.map((event) => ({ ...event, sequence: ++tables.head.sequence }))),
    aside: (event, error) => refusedRecord(event.id, error, JSON.stringify(event)),
  });
  if (batch.incidents.length > 0) await tables.addIncidents(batch.incidents);
}

interface Putting<T> {
  put(records: readonly T[]): Promise<void>;
  /** What is noted of one that was refused. */
  aside(record: T, error: unknown): Incident;
}

/** All at once, or where care is needed one by one. Returns those that were not refused. */
async function putAll<T>(
  how: PostBatch,
  records: readonly T[],
  { put, aside }: Putting<T>,
): Promise<readonly T[]> {
  if (records.length === 0) return records;
  if (!how.careful) {
    await put(records);
    return records;
  }
  const taken: T[] = [];
  for (const record of records) {
    try {
      await how.tables.savepoint(() => put([record]));
      taken.push(record);
    } catch (error) {
      if (!how.isRefusal(error)) throw error;
      await how.tables.addIncidents([aside(record, error)]);
    }
  }
  return taken;
}

/**
 * Settles what the dead left open: the customer pays the last progress mark. What was reserved stays booked: how much of
 * it was used is not known, and a limit must not be passed. An attempt that is open although its exchange has a receipt is
 * left as it is, and `verify` reports it, unless that receipt is of a crash itself. Returns how many exchanges it settled.
 */
export async function settleDead(tables: BookTables, dead: Dead): Promise<number> {
  const attempts = await tables.deadAttempts(dead);
  const exchanges = Map.groupBy(attempts, ({ exchange }) => exchange);
  const known = await tables.bodies([...exchanges.keys()]);
  const settledAtMs = Date.now();
  const poster = new Poster(tables);
  const entries: ReceiptEntry[] = [];
  const incidents: Incident[] = [];
  for (const [exchange, open] of exchanges) {
    if (known.has(exchange)) continue;
    const crashed = open.map(mapCrashed);
    const receipt = mapCrashReceipt(crashed, settledAtMs);
    const entry = entryOf(receipt, reservedBy(crashed.at(-1)!), incidents);
    if (entry) entries.push(entry);
  }
  if (entries.length > 0) await poster.post(entries);
  if (incidents.length > 0) await tables.addIncidents(incidents);
  const corrected = await poster.correct([...known.keys()], (receipt) =>
    withLateAttempts(receipt, exchanges.get(receipt.id)!.map(mapCrashed)),
  );
  const settled = new Set([...entries.map(({ receipt }) => receipt.id), ...corrected]);
  const closed = attempts.filter(({ exchange }) => settled.has(exchange));
  if (closed.length > 0) await tables.closeAttempts(closed);
  return settled.size;
}

/** Corrects those of the receipts that `change` prices otherwise, and books the difference. */
export async function rerateReceipts(
  tables: BookTables,
  ids: readonly string[],
  change: (receipt: Receipt) => Receipt | null,
): Promise<void> {
  await new Poster(tables).correct(ids, change, 'rerated');
}

/** An intent may come after the receipt that has its attempt: then it is settled. */
async function openAttempts(tables: BookTables, opened: readonly OpenAttempt[]): Promise<void> {
  const bodies = await tables.bodies([...new Set(opened.map(({ exchange }) => exchange))]);
  const settled = new Map<string, Set<number>>();
  for (const [id, body] of bodies) {
    settled.set(id, new Set(parseReceipt(body).attempts.map(({ number }) => number)));
  }
  const open = opened.filter(({ exchange, attempt }) => !settled.get(exchange)?.has(attempt));
  if (open.length > 0) await tables.openAttempts(open);
}

/** A mark may come after its attempt was given up for lost. */
async function markAttempts(poster: Poster, marks: readonly AttemptProgress[]): Promise<void> {
  const late = await poster.tables.markAttempts(marks);
  if (late.length === 0) return;
  const exchanges = late.map(({ exchange }) => exchange);
  await poster.correct(exchanges, lateMarks(late));
}

function lateMarks(marks: readonly AttemptProgress[]): (receipt: Receipt) => Receipt | null {
  const byExchange = Map.groupBy(marks, ({ exchange }) => exchange);
  return (receipt) => {
    let changed: Receipt | null = null;
    for (const mark of byExchange.get(receipt.id) ?? [])
      changed = withLateMark(changed ?? receipt, mark) ?? changed;
    return changed;
  };
}

/** Null, and an incident, for what no book can hold. */
function entryOf(
  receipt: Receipt,
  booked: ReceiptEntry['booked'],
  incidents: Incident[],
): ReceiptEntry | null {
  const body = renderReceipt(receipt);
  try {
    return mapEntry(receipt, body, booked);
  } catch (error) {
    incidents.push(refusedRecord(receipt.id, error, body));
    return null;
  }
}

const mapCrashed = ({ intent, progress }: DeadAttempt): CrashedAttempt => ({
  intent: JSON.parse(intent) as AttemptIntent,
  progress: progress === null ? null : (JSON.parse(progress) as AttemptProgress),
});

/** Puts receipts, and what they move, on the books; those of one call, and what corrects others, as one posting. */
class Poster {
  readonly tables: BookTables;
  #sums = new BatchSums();

  constructor(tables: BookTables) {
    this.tables = tables;
    tables.head.posting += 1;
  }

  async post(entries: readonly ReceiptEntry[]): Promise<void> {
    this.#sums = new BatchSums();
    const incidents: Incident[] = [];
    const kept = entries.filter((entry) => {
      if (entry.idDay >= this.tables.head.keptFromDay) return true;
      incidents.push(prunedReceipt(entry));
      return false;
    });
    const known = new Map(await this.tables.bodies(kept.map(({ receipt }) => receipt.id)));
    const fresh: ReceiptEntry[] = [];
    const corrections: Correction[] = [];
    for (const entry of kept) {
      const { id } = entry.receipt;
      const body = known.get(id);
      if (body === undefined) fresh.push(entry);
      else {
        const verdict = judgeRepeat(body, entry.body);
        if (verdict === 'conflict') incidents.push(conflictingReceipt(entry));
        if (verdict !== 'late') continue;
        this.#recount(body, entry);
        corrections.push(this.#correction(entry));
      }
      known.set(id, entry.body);
    }
    if (fresh.length > 0) await this.tables.addReceipts(this.#number(fresh));
    if (corrections.length > 0) await this.tables.addCorrections(corrections);
    if (incidents.length > 0) await this.tables.addIncidents(incidents);
    await this.tables.addTotals(this.#sums.take());
  }

  /** Corrects those of the receipts that `change` has something to say of. Returns their ids. */
  async correct(
    ids: readonly string[],
    change: (receipt: Receipt) => Receipt | null,
    reason: Correction['reason'] = 'late',
  ): Promise<string[]> {
    this.#sums = new BatchSums();
    const corrections: Correction[] = [];
    const incidents: Incident[] = [];
    const { keptFromDay } = this.tables.head;
    const kept = [...new Set(ids)].filter((id) => idDayOf(id) >= keptFromDay);
    for (const [, body] of await this.tables.bodies(kept)) {
      const changed = change(parseReceipt(body));
      const entry = changed && entryOf(changed, [], incidents);
      if (!entry) continue;
      this.#recount(body, entry);
      corrections.push(this.#correction(entry, reason));
    }
    if (incidents.length > 0) await this.tables.addIncidents(incidents);
    if (corrections.length === 0) return [];
    await this.tables.addCorrections(corrections);
    await this.tables.addTotals(this.#sums.take());
    return corrections.map(({ id }) => id);
  }

  /** What was counted is taken away, and what is right is counted. Its windows stay as they were booked. */
  #recount(body: string, entry: ReceiptEntry): void {
    for (const count of mapEntry(parseReceipt(body), body, []).counts) this.#sums.count(count, -1);
    for (const count of entry.counts) this.#sums.count(count);
  }

  #correction({ receipt, body }: ReceiptEntry, reason: Correction['reason'] = 'late'): Correction {
    return { sequence: ++this.tables.head.sequence, id: receipt.id, reason, body };
  }

  /** Receipts of one day, in blocks without a gap in their numbers. */
  #number(entries: readonly ReceiptEntry[]): NumberedEntry[] {
    const numbered: NumberedEntry[] = [];
    for (const ofDay of Map.groupBy(entries, ({ idDay }) => idDay).values()) {
      let block = 0;
      for (const [at, entry] of ofDay.entries()) {
        const sequence = ++this.tables.head.sequence;
        if (at % bodiesInBlock === 0) block = sequence;
        numbered.push({ ...entry, sequence, block });
        for (const count of entry.counts) this.#sums.count(count);
        for (const amount of entry.booked) this.#sums.book(amount, entry.receipt.admittedAtMs);
      }
    }
    return numbered;
  }
}

const conflictingReceipt = ({ receipt, body }: ReceiptEntry): Incident => ({
  kind: 'conflict',
  subject: receipt.id,
  position: 0,
  reason: 'a second receipt with this id says something else',
  content: body,
});

const prunedReceipt = ({ receipt, body }: ReceiptEntry): Incident => ({
  kind: 'pruned',
  subject: receipt.id,
  position: 0,
  reason: 'it came after the receipts of its day were removed, so whether it is counted cannot be known',
  content: body,
});
