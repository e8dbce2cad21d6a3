import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { LedgerWriter, type LedgerPaths } from './ledger-writer.ts';
import { findReceipt, queryReceipts, queryUsage, queryWindows } from './queries.ts';
import type { LedgerAsk, LedgerCall, LedgerTell } from './protocol.ts';
import { verifyBooks } from './verify.ts';

// On Linux this is the priority of the calling thread alone: where cores are scarce, traffic goes before the books.
setPriority(0, constants.priority.PRIORITY_LOW);

/** The ledger's own thread: takes sealed segments as they come, and answers questions in between. */
const segmentsPerTransaction = 64;
const firstRetryMs = 50;
const longestRetryMs = 5_000;

const paths = workerData as LedgerPaths;
const port = parentPort!;
const sealed: string[] = [];
const asked: LedgerCall[] = [];
let writer: LedgerWriter | null = new LedgerWriter(paths);
let retryMs = firstRetryMs;
let scheduled = false;

const tell = (message: LedgerTell): void => port.postMessage(message);

port.on('message', (message: { sealed: string } | LedgerCall) => {
  if ('sealed' in message) sealed.push(message.sealed);
  else asked.push(message);
  schedule(0);
});
tell({ ready: true });

function schedule(afterMs: number): void {
  if (scheduled) return;
  scheduled = true;
  if (afterMs === 0) setImmediate(turn);
  else setTimeout(turn, afterMs);
}

/** One transaction or one answer; then whatever came meanwhile. Questions wait for the segments sealed before them. */
function turn(): void {
  scheduled = false;
  try {
    writer ??= new LedgerWriter(paths);
    step(writer);
    retryMs = firstRetryMs;
    if (sealed.length > 0 || asked.length > 0) schedule(0);
  } catch (error) {
    // The segments stay on disk and traffic goes on: try again, with a fresh connection where this one may be broken.
    tell({ error: error as Error });
    if (!isBusy(error)) reopen();
    if (asked.some((call) => call.ask.do === 'close')) return giveUp(error as Error);
    schedule(retryMs);
    retryMs = Math.min(retryMs * 2, longestRetryMs);
  }
}

function step(open: LedgerWriter): void {
  if (sealed.length > 0) {
    const batch = sealed.slice(0, segmentsPerTransaction);
    open.ingest(batch);
    sealed.splice(0, batch.length);
    tell({ committed: batch.length });
    return;
  }
  const call = asked[0];
  if (!call) return;
  const answer = answerTo(open, call.ask);
  asked.shift();
  tell(answer instanceof Error ? { id: call.id, failed: answer } : { id: call.id, value: answer });
  if (call.ask.do === 'close') port.close();
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
      return verifyBooks(database);
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
  port.close();
}
