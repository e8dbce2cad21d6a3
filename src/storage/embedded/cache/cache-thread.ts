import { parentPort, workerData } from 'node:worker_threads';
import { serveQuestions } from '../thread/serve-questions.ts';
import { openCacheDatabase } from './cache-database.ts';
import type { CacheAsk } from './protocol.ts';

const expireEveryMs = 60_000;

const database = openCacheDatabase((workerData as { readonly path: string }).path);
database.expire(Date.now());
setInterval(() => database.expire(Date.now()), expireEveryMs).unref();

function answer(ask: CacheAsk, asker: number): unknown {
  switch (ask.type) {
    case 'claim':
      return database.claim(ask.id, { ...ask.wish, asker, nowMs: Date.now() });
    case 'begin':
      return database.begin(ask.id, ask.holder);
    case 'put':
      return database.put(ask.id, ask.holder, ask.part);
    case 'finish':
      return database.finish(ask.id, ask.holder, ask.whole);
    case 'release':
      return database.release(ask.id, ask.holder, ask.as);
    case 'get':
      return database.get(ask.id, ask.holder);
  }
}

serveQuestions(parentPort!, {
  answer: (ask, asker) => answer(ask as CacheAsk, asker),
  gone: (asker) => database.abandon(asker),
  close: () => database.close(),
});
