import type { MessagePort } from 'node:worker_threads';
import type { Keeper, KeptThing } from '#core/contracts/keeper.ts';
import type { KeeperAsk, KeeperCall, KeeperReply } from './protocol.ts';

/** Nobody waits longer for a record. */
const deadlineMs = 10_000;

type Settle = (reply: Pick<KeeperReply, 'error' | 'things'>) => void;

/** The keeper of one thread, over a port of the keeper service. */
export function connectKeeper(port: MessagePort): Keeper {
  const open = new Map<number, Settle>();
  let next = 0;
  port.on('message', (reply: KeeperReply) => open.get(reply.number)?.(reply));
  port.on('close', () => {
    for (const settle of [...open.values()]) settle({ error: 'the gateway is ending', things: [] });
  });
  port.unref();

  const asked = (ask: KeeperAsk): Promise<readonly KeptThing[]> => {
    const number = next;
    next += 1;
    return new Promise((resolve, reject) => {
      const settle: Settle = ({ error, things }) => {
        clearTimeout(timer);
        open.delete(number);
        if (error === null) resolve(things);
        else reject(new Error(`the record of what providers keep: ${error}`));
      };
      const timer = setTimeout(settle, deadlineMs, { error: 'no answer came in time', things: [] });
      open.set(number, settle);
      port.postMessage({ number, ask } satisfies KeeperCall);
    });
  };

  return {
    async note(things) {
      await asked({ type: 'note', things });
    },
    find: (owner, ids) => asked({ type: 'find', owner, ids }),
    list: (page) => asked({ type: 'list', page }),
    async forget(thing) {
      await asked({ type: 'forget', thing });
    },
  };
}
