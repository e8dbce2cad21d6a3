import { constants, setPriority } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { syncSegment } from '../journal/read-segment.ts';
import { LedgerWriter, type LedgerPaths } from './ledger-writer.ts';
import { openForReading } from './open-database.ts';
import { findReceipt, queryReceipts, queryUsage, queryWindows } from './queries.ts';
import type { LedgerAsk, LedgerCall, LedgerTell } from './protocol.ts';
import { verifyInSteps, type Verification } from './verify.ts';

// On Linux this is the priority of the calling thread alone: where cores are scarce, traffic goes before the books.
setPriority(0, constants.priority.PRIORITY_LOW);

/** The ledger's own thread: takes sealed segments as they come, and answers questions in between. */
const segmentsPerTransaction = 64;
/** What a batch sums up is written once for all of it, so segments gather this long unless somebody asks. */
const gatherMs = 250;
const firstRetryMs = 50;
const longestRetryMs = 5_000;

const paths = workerData as LedgerPaths;
const port = parentPort!;
const sealed: string[] = [];
const asked: LedgerCall[] = [];
let writer: LedgerWriter | null = new LedgerWriter(paths);
let retryMs = firstRetryMs;
let isFailing = false;
let gatheringSinceMs = 0;
let timer: NodeJS.Timeout | null = null;
let dueAtMs = Infinity;
let verification: { id: number; database: DatabaseSync; steps: Generator<void, Verification> } | null = null;

const tell = (message: LedgerTell): void => port.postMessage(message);

port.on('message', (message: { sealed: string } | LedgerCall) => {
  if ('sealed' in message) {
    if (sealed.length === 0) gatheringSinceMs = performance.now();
    sealed.push(message.sealed);
    syncEarly(message.sealed);
  } else asked.push(message);
  if (!isFailing) scheduleNext();
});
tell({ ready: true });

/** What waits to be read should be on the disk meanwhile. Where that fails, it is tried again before the transaction. */
function syncEarly(path: string): void {
  try {
    syncSegment(path);
  } catch {
    // Said there.
  }
}

function scheduleNext(): void {
  if (asked.length > 0 || verification || sealed.length >= segmentsPerTransaction) schedule(0);
  else if (sealed.length > 0) schedule(gatherMs);
}

/** The sooner of two times holds. */
function schedule(afterMs: number): void {
  const atMs = afterMs === 0 ? 0 : performance.now() + afterMs;
  if (atMs >= dueAtMs) return;
  dueAtMs = atMs;
  if (timer) clearTimeout(timer);
  timer = null;
  if (afterMs === 0) setImmediate(turn);
  else timer = setTimeout(turn, afterMs);
}

/** One transaction or one answer; then whatever came meanwhile. Questions wait for the segments sealed before them. */
function turn(): void {
  timer = null;
  dueAtMs = Infinity;
  try {
    writer ??= new LedgerWriter(paths);
    step(writer);
    isFailing = false;
    retryMs = firstRetryMs;
    scheduleNext();
  } catch (error) {
    // The segments stay on disk and traffic goes on: try again, with a fresh connection where this one may be broken.
    tell({ error: error as Error });
    if (!isBusy(error)) reopen();
    if (asked.some((call) => call.ask.do === 'close')) return giveUp(error as Error);
    isFailing = true;
    schedule(retryMs);
    retryMs = Math.min(retryMs * 2, longestRetryMs);
  }
}

function step(open: LedgerWriter): void {
  if (sealed.length > 0 && isDue()) {
    const batch = sealed.slice(0, segmentsPerTransaction);
    open.ingest(batch);
    sealed.splice(0, batch.length);
    tell({ committed: batch.length });
    return;
  }
  if (asked.length === 0) return verifyOn();
  const call = asked[0]!;
  if (call.ask.do === 'verify') {
    // One at a time: the next waits for the end of this one.
    if (verification) return verifyOn();
    const database = openForReading(paths.databasePath);
    verification = { id: call.id, database, steps: verifyInSteps(database) };
    asked.shift();
    return;
  }
  const answer = answerTo(open, call.ask);
  asked.shift();
  tell(answer instanceof Error ? { id: call.id, failed: answer } : { id: call.id, value: answer });
  if (call.ask.do === 'close') endAll();
}

/** While books are added up, turns come thick and fast: they are no reason for smaller batches. */
const isDue = (): boolean =>
  verification === null ||
  asked.length > 0 ||
  sealed.length >= segmentsPerTransaction ||
  performance.now() - gatheringSinceMs >= gatherMs;

/** Verifying reads all there is, on a connection of its own: it takes its turns between transactions and answers. */
function verifyOn(): void {
  if (!verification) return;
  const { id, steps } = verification;
  try {
    const step = steps.next();
    if (!step.done) return;
    tell({ id, value: step.value });
  } catch (error) {
    tell({ id, failed: error as Error });
  }
  verification.database.close();
  verification = null;
}

function endAll(): void {
  if (verification) {
    tell({ id: verification.id, failed: new Error('the ledger was closed before its books were added up') });
    verification.database.close();
    verification = null;
  }
  port.close();
}

/** What writes is tried until it works; a question that fails for any other reason than a lock is answered so. */
function answerTo(open: LedgerWriter, ask: LedgerAsk): unknown {
  try {
    return answerWith(open, ask);
  } catch (error) {
    if (ask.do === 'recover' || ask.do === 'adopt' || isBusy(error)) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function answerWith(open: LedgerWriter, ask: LedgerAsk): unknown {
  const { database } = open;
  switch (ask.do) {
    case 'flush':
      return null;
    case 'recover':
      return open.recover();
    case 'adopt':
      return open.adopt(ask.worker, ask.incarnation);
    case 'windows':
      return queryWindows(database, ask.nowMs);
    case 'usage':
      return queryUsage(database, ask.query);
    case 'receipt':
      return findReceipt(database, ask.receiptId);
    case 'page':
      return queryReceipts(database, ask.query, ask.page);
    case 'verify':
      throw new Error('verifying is done in steps');
    case 'close':
      return open.close();
  }
}

const isBusy = (error: unknown): boolean =>
  [5, 6].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);

function reopen(): void {
  try {
    writer?.close();
  } catch {
    // It is given up either way.
  }
  writer = null;
}

/** Asked to close while the database is down: what is not on the books stays in the journal for the next start. */
function giveUp(error: Error): void {
  for (const { id, ask } of asked) tell(ask.do === 'close' ? { id, value: null } : { id, failed: error });
  reopen();
  endAll();
}
