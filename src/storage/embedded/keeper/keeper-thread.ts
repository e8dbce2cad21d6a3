import { parentPort, workerData } from 'node:worker_threads';
import type { KeptThing } from '#core/contracts/keeper.ts';
import { serveQuestions } from '../thread/serve-questions.ts';
import { openKeptDatabase } from './kept-database.ts';
import type { KeeperAnswer, KeeperAsk } from './protocol.ts';

const expireEveryMs = 3_600_000;

const database = openKeptDatabase((workerData as { readonly path: string }).path);
database.expire(Date.now());
setInterval(() => database.expire(Date.now()), expireEveryMs).unref();

function answer(ask: Exclude<KeeperAsk, { type: 'due' }>): readonly KeptThing[] {
  switch (ask.type) {
    case 'note':
      database.note(ask.things);
      return [];
    case 'find':
      return database.find(ask.owner, ask.ids);
    case 'describe':
      database.describe(ask.thing, ask.document);
      return [];
    case 'list':
      return database.list(ask.page);
    case 'owe':
      database.owe(ask.obligation, ask.dueAtMs);
      return [];
    case 'settled':
      database.settled(ask.receipt);
      return [];
    case 'postpone':
      database.postpone(ask.receipt, ask.dueAtMs);
      return [];
    case 'forget':
      database.forget(ask.thing);
      return [];
  }
}

serveQuestions(parentPort!, {
  answer(question): KeeperAnswer {
    const ask = question as KeeperAsk;
    return ask.type === 'due'
      ? { things: [], obligations: database.due(ask.nowMs, ask.leaseMs, ask.thing) }
      : { things: answer(ask) };
  },
  close: () => database.close(),
});
