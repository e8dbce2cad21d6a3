import { parentPort, workerData } from 'node:worker_threads';
import type { AuditedExchange } from '#core/contracts/audit.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { serveQuestions } from '#storage/embedded/thread/serve-questions.ts';
import { openChainSecret } from './chain-secret.ts';
import { ChainWriter, type NewRecord } from './chain-writer.ts';
import { ContentKeys } from './content-keys.ts';
import { chainFolder } from './places.ts';
import type { AuditAnswer, AuditAsk, AuditStart } from './protocol.ts';

const pruneEveryMs = 3_600_000;
/** Exchanges are on the disk after so long; changes before they are answered. */
const syncWithinMs = 200;

const start = workerData as AuditStart;
const directory = start.stateDirectory;
const master = new MasterKey({ directory, given: start.masterKeys });
const writer = new ChainWriter({
  folder: chainFolder(directory),
  secret: openChainSecret(directory, master),
  rules: start.rules,
  nowMs: () => Date.now(),
});
const keys = new ContentKeys(directory, master);
/** Of each asker, the batch that was written last. */
const written = new Map<number, number>();

let syncing: NodeJS.Timeout | null = null;
/** Of the last `sync`, for whoever writes next. */
let failure: Error | null = null;

function syncSoon(): void {
  syncing ??= setTimeout(() => {
    syncing = null;
    try {
      writer.sync();
      failure = null;
    } catch (error) {
      failure = error as Error;
      syncSoon();
    }
  }, syncWithinMs);
}

/** What is not removed now is removed the next time. */
setInterval(() => {
  try {
    writer.prune();
  } catch {
    // Said to whoever writes next.
  }
}, pruneEveryMs).unref();

function answer(ask: AuditAsk, asker: number): AuditAnswer {
  switch (ask.type) {
    case 'change':
      writer.append([{ ...ask.change }]);
      return {};
    case 'exchanges':
      if (written.get(asker) === ask.batch) return {};
      if (failure) throw failure;
      writer.appendLoose([...droppedRecord(ask.dropped), ...ask.entries.map(recordOf)]);
      syncSoon();
      written.set(asker, ask.batch);
      return {};
    case 'erase': {
      const key = keys.erase(ask.project);
      if (key !== null) writer.append([{ kind: 'erased', project: ask.project, key }]);
      return { erased: key !== null };
    }
    case 'rules':
      writer.rules = ask.rules;
      writer.prune();
      return {};
  }
}

const droppedRecord = (count: number): NewRecord[] => (count > 0 ? [{ kind: 'dropped', count }] : []);

function recordOf(entry: AuditedExchange): NewRecord {
  const { content, ...record } = entry;
  return content === null ? record : { ...record, content: keys.seal(entry.project, entry.id, content) };
}

serveQuestions(parentPort!, {
  answer: (question, asker) => answer(question as AuditAsk, asker),
  gone: (asker) => written.delete(asker),
  close() {
    if (syncing) clearTimeout(syncing);
    writer.close();
  },
});
