import { parentPort, workerData } from 'node:worker_threads';
import { openKeptPostgres } from '../../distributed/kept-postgres.ts';
import { serveQuestions } from '../thread/serve-questions.ts';
import { openKeptDatabase } from './kept-database.ts';
import type { KeptStore } from './kept-store.ts';
import type { KeeperPlace } from './keeper-service.ts';
import type { KeeperAnswer, KeeperAsk } from './protocol.ts';

const expireEveryMs = 3_600_000;

const { path, postgres } = workerData as KeeperPlace;
const store: KeptStore = postgres ? openKeptPostgres(postgres) : openKeptDatabase(path);
const none: KeeperAnswer = { things: [] };

/** What is not removed now is removed the next time. */
async function expire(): Promise<void> {
  try {
    await store.expire(Date.now());
  } catch {
    // Said to whoever asks for something.
  }
}
void expire();
setInterval(() => void expire(), expireEveryMs).unref();

/** A store that answers at once is answered from at once: questions stay in their order. */
function then<T>(
  soon: T | Promise<T>,
  map: (value: T) => KeeperAnswer,
): KeeperAnswer | Promise<KeeperAnswer> {
  return soon instanceof Promise ? soon.then(map) : map(soon);
}

function answer(ask: KeeperAsk): KeeperAnswer | Promise<KeeperAnswer> {
  switch (ask.type) {
    case 'note':
      return then(store.note(ask.things), () => none);
    case 'find':
      return then(store.find(ask.owner, ask.ids), (things) => ({ things }));
    case 'describe':
      return then(store.describe(ask.thing, ask.document), () => none);
    case 'list':
      return then(store.list(ask.page), (things) => ({ things }));
    case 'owe':
      return then(store.owe(ask.obligation, ask.dueAtMs), () => none);
    case 'due':
      return then(store.due(ask.nowMs, ask.leaseMs, ask.thing), (obligations) => ({
        things: [],
        obligations,
      }));
    case 'settled':
      return then(store.settled(ask.receipt), () => none);
    case 'postpone':
      return then(store.postpone(ask.receipt, ask.dueAtMs), () => none);
    case 'forget':
      return then(store.forget(ask.thing), () => none);
  }
}

serveQuestions(parentPort!, {
  answer: (question) => answer(question as KeeperAsk),
  close: () => store.close(),
});
