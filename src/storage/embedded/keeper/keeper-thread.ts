import { parentPort, workerData } from 'node:worker_threads';
import type { KeptThing } from '#core/contracts/keeper.ts';
import { openKeptDatabase } from './kept-database.ts';
import type { KeeperAsk, KeeperCall, KeeperReply } from './protocol.ts';

const expireEveryMs = 3_600_000;

const port = parentPort!;
const database = openKeptDatabase((workerData as { readonly path: string }).path);
database.expire(Date.now());
setInterval(() => database.expire(Date.now()), expireEveryMs).unref();

function answer(ask: KeeperAsk): readonly KeptThing[] {
  switch (ask.type) {
    case 'note':
      database.note(ask.things);
      return [];
    case 'find':
      return database.find(ask.owner, ask.ids);
    case 'list':
      return database.list(ask.page);
    case 'forget':
      database.forget(ask.thing);
      return [];
  }
}

port.on('message', (call: KeeperCall | 'close') => {
  if (call === 'close') {
    database.close();
    port.close();
    return;
  }
  let reply: KeeperReply;
  try {
    reply = { number: call.number, error: null, things: answer(call.ask) };
  } catch (error) {
    reply = { number: call.number, error: (error as Error).message, things: [] };
  }
  port.postMessage(reply);
});
