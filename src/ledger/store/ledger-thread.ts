import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { syncSegment } from '../journal/read-segment.ts';
import type { Books } from './books.ts';
import { LedgerWriter, leftOverSegments, segmentsPerTransaction } from './ledger-writer.ts';
import { queryLatest } from './latest-receipts.ts';
import { openBooks, type LedgerPlace } from './open-books.ts';
import { findReceipt, queryEntries, queryReceipts, queryUsage, queryWindows } from './queries.ts';
import { queryEnd, queryLetters, queryWebhooks } from './outbox-queries.ts';
import { rerate } from './rerate.ts';
import type { LedgerAsk, LedgerCall, LedgerTell } from './protocol.ts';
import { queryTraceUsage } from './trace-usage.ts';
import { verifyBooks } from './verify.ts';

// On Linux this is the priority of the calling thread alone: where cores are scarce, traffic goes before the books.
setPriority(0, constants.priority.PRIORITY_LOW);

/** The ledger's own thread: takes sealed segments as they come, and answers questions in between. */

/** What a batch sums up is written once for all of it, so segments gather this long unless somebody asks. */
const gatherMs = 250;
const firstRetryMs = 50;
const longestRetryMs = 5_000;
/** Asked to end, it waits no longer for a database that does not answer. */
const closeMs = 10_000;

/** A question waits for the segments that were sealed before it, and for no others: under load there are always others. */
interface Waiting extends LedgerCall {
  readonly behind: number;
}

const place = workerData as LedgerPlace;
const port = parentPort!;
const sealed: string[] = [];
const asked: Waiting[] = [];
/** Segments that have come, and that are on the books, since the start. */
let arrived = 0;
let booked = 0;
const ending = new AbortController();
const tell = (message: LedgerTell): void => port.postMessage(message);
let books: Books | null = await openFirst();
let writer: LedgerWriter | null = null;
/** By node: of those that send their segments here. */
const writers = new Map<string, LedgerWriter>();
/** What dead processes left, until it is on the books: nothing that came later may be, before. */
let leftOver: string[] | null = null;
let retryMs = firstRetryMs;
let isFailing = false;
let isTurning = false;
let gatheringSinceMs = 0;
let timer: NodeJS.Timeout | null = null;
let dueAtMs = Infinity;
/** Books are added up one at a time, beside everything else. */
let verification: Promise<void> = Promise.resolve();

port.on('message', (message: { sealed: string } | LedgerCall) => {
  if ('sealed' in message) {
    if (sealed.length === 0) gatheringSinceMs = performance.now();
    sealed.push(message.sealed);
    arrived += 1;
    syncEarly(message.sealed);
  } else {
    asked.push({ ...message, behind: arrived });
    if (message.ask.do === 'recover') leftOver = leftOverSegments(place.journalDirectory);
    if (message.ask.do === 'close')
      setTimeout(() => void giveUp(new Error('it did not answer')), closeMs).unref();
  }
  if (!isFailing) scheduleNext();
});
tell({ ready: true });

/** A server that is away at the start is waited for like one that goes away later; all else ends the start. */
async function openFirst(): Promise<Books | null> {
  try {
    return await openBooks(place);
  } catch (error) {
    if ((error as Error).name !== 'DatabaseAway') throw error;
    tell({ error: error as Error });
    return null;
  }
}

/** What waits to be read should be on the disk meanwhile. Where that fails, it is tried again before the transaction. */
function syncEarly(path: string): void {
  try {
    syncSegment(path);
  } catch {
    // Said there.
  }
}

function scheduleNext(): void {
  if (leftOver || asked.length > 0 || sealed.length >= segmentsPerTransaction) schedule(0);
  else if (sealed.length > 0) schedule(Math.max(0, gatheringSinceMs + gatherMs - performance.now()));
}

/** The sooner of two times holds. */
function schedule(afterMs: number): void {
  const atMs = afterMs === 0 ? 0 : performance.now() + afterMs;
  if (isTurning || atMs >= dueAtMs) return;
  dueAtMs = atMs;
  if (timer) clearTimeout(timer);
  timer = null;
  if (afterMs === 0) setImmediate(() => void turn());
  else timer = setTimeout(() => void turn(), afterMs);
}

/** One transaction or one answer; then whatever came meanwhile. */
async function turn(): Promise<void> {
  timer = null;
  dueAtMs = Infinity;
  isTurning = true;
  try {
    books ??= await openBooks(place);
    writer ??= new LedgerWriter(books, place.journalDirectory);
    await step(books, writer);
    isFailing = false;
    retryMs = firstRetryMs;
    isTurning = false;
    if (!ending.signal.aborted) scheduleNext();
  } catch (error) {
    isTurning = false;
    // The segments stay on disk and traffic goes on: try again, with a fresh connection where this one may be broken.
    tell({ error: error as Error });
    if (!books?.isBusy(error)) {
      await reopen();
      answerWithout(error as Error);
    }
    if (asked.some((call) => call.ask.do === 'close')) return giveUp(error as Error);
    isFailing = true;
    schedule(retryMs);
    retryMs = Math.min(retryMs * 2, longestRetryMs);
  }
}

async function step(open: Books, keeper: LedgerWriter): Promise<void> {
  if (leftOver) {
    const report = await keeper.recover(leftOver);
    leftOver = null;
    const at = asked.findIndex(({ ask }) => ask.do === 'recover');
    if (at >= 0) tell({ id: asked.splice(at, 1)[0]!.id, value: { ...report, isDeferred: false } });
    return;
  }
  const call = asked[0];
  if (sealed.length > 0 && !(call && isDue(call))) {
    const batch = sealed.slice(0, segmentsPerTransaction);
    await keeper.ingest(batch);
    sealed.splice(0, batch.length);
    booked += batch.length;
    gatheringSinceMs = performance.now();
    tell({ committed: batch.length });
    return;
  }
  if (!call) return;
  if (call.ask.do === 'close') return end(open, call.id);
  if (call.ask.do === 'verify') {
    verification = verification.then(() => verify(open, call.id));
    asked.shift();
    return;
  }
  const answer = await answerTo(open, keeper, call.ask);
  asked.shift();
  tell(answer instanceof Error ? { id: call.id, failed: answer } : { id: call.id, value: answer });
}

/** The end comes when nothing is left. */
const isDue = ({ ask, behind }: Waiting): boolean => ask.do !== 'close' && behind <= booked;

/** Adding up reads all there is, on a connection of its own: transactions and answers come in between. */
async function verify(open: Books, id: number): Promise<void> {
  try {
    tell({ id, value: await open.survey(verifyBooks(), ending.signal) });
  } catch (error) {
    tell({ id, failed: error as Error });
  }
}

async function end(open: Books, id: number): Promise<void> {
  ending.abort(new Error('the ledger was closed before its books were added up'));
  await verification;
  await open.close();
  tell({ id, value: null });
  port.close();
}

/** What writes is tried until it works; a question that fails for any other reason than a lock is answered so. */
async function answerTo(open: Books, keeper: LedgerWriter, ask: LedgerAsk): Promise<unknown> {
  try {
    return await answerWith(open, keeper, ask);
  } catch (error) {
    if (ask.do === 'adopt' || open.isBusy(error)) throw error;
    // Another node sends it again; the connection may be what is broken.
    if ('node' in ask) await reopen();
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function answerWith(open: Books, keeper: LedgerWriter, ask: LedgerAsk): Promise<unknown> {
  switch (ask.do) {
    case 'flush':
      return null;
    case 'adopt':
      return keeper.adopt(ask.worker, ask.incarnation);
    case 'receive':
      return receive(open, ask);
    case 'give-up':
      return (await writerFor(open, ask)).giveUp(ask.dead);
    case 'windows':
      return open.ask(queryWindows(ask.nowMs));
    case 'usage':
      return open.ask(ask.query.traceId === undefined ? queryUsage(ask.query) : queryTraceUsage(ask.query));
    case 'receipt':
      return open.ask(findReceipt(ask.receiptId));
    case 'page':
      return open.ask(queryReceipts(ask.query, ask.page));
    case 'latest':
      return open.ask(queryLatest(ask.query, ask.page));
    case 'entries':
      return open.ask(queryEntries(ask.after, ask.limit));
    case 'rerate':
      return rerate(open, ask.wish);
    case 'end':
      return open.ask(queryEnd());
    case 'webhooks':
      return open.ask(queryWebhooks());
    case 'letters':
      return open.ask(queryLetters(ask.of, ask.limit));
    case 'claim':
      return open.write(({ webhooks, head }) => webhooks.claim(ask.webhook, ask.leaseMs, head.sequence));
    case 'advance':
      return open.write(({ webhooks }) => webhooks.advance(ask.webhook, ask.progress, ask.letters));
    case 'stop':
      return open.write(({ webhooks }) => webhooks.stop(ask.webhook, ask.reason));
    case 'take-letter':
      return open.write(({ webhooks }) => webhooks.takeLetter(ask.letter));
    case 'recover':
    case 'verify':
    case 'close':
      throw new Error(`${ask.do} is no question`);
  }
}

type FromOthers = Extract<LedgerAsk, { readonly node: string }>;

async function receive(open: Books, ask: Extract<FromOthers, { do: 'receive' }>): Promise<null> {
  await (await writerFor(open, ask)).ingest([ask.path]);
  return null;
}

/** Who writes what comes from another node. */
async function writerFor(open: Books, ask: FromOthers): Promise<LedgerWriter> {
  const known = writers.get(ask.node);
  if (known) return known;
  const fresh = new LedgerWriter(open.of(ask.node), '');
  if (ask.do === 'receive') await fresh.begin(basename(ask.path));
  writers.set(ask.node, fresh);
  return fresh;
}

/** While the database is away nobody waits for an answer from it, nor a start for what it can settle later as well. */
function answerWithout(error: Error): void {
  const waiting = asked.splice(0);
  for (const call of waiting) {
    const { id, ask } = call;
    if (ask.do === 'recover') tell({ id, value: { segments: 0, crashed: 0, isDeferred: true } });
    else if (ask.do === 'flush' || ask.do === 'adopt' || ask.do === 'close') asked.push(call);
    else tell({ id, failed: error });
  }
}

async function reopen(): Promise<void> {
  try {
    await books?.close();
  } catch {
    // It is given up either way.
  }
  [books, writer] = [null, null];
  writers.clear();
}

/** Asked to close while the database is down: what is not on the books stays in the journal for the next start. */
async function giveUp(error: Error): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort(error);
  for (const { id, ask } of asked) tell(ask.do === 'close' ? { id, value: null } : { id, failed: error });
  await reopen();
  port.close();
}
