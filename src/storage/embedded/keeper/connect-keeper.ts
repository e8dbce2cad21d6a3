import type { MessagePort } from 'node:worker_threads';
import type { Keeper } from '#core/contracts/keeper.ts';
import type { KeeperAsk, KeeperCall, KeeperReply } from './protocol.ts';

/** Nobody waits longer for a record. */
const deadlineMs = 10_000;

type Answered = Omit<KeeperReply, 'number'>;
type Settle = (reply: Answered) => void;

/** The keeper of one thread, over a port of the keeper service. */
export function connectKeeper(port: MessagePort): Keeper {
  const open = new Map<number, Settle>();
  let next = 0;
  port.on('message', (reply: KeeperReply) => open.get(reply.number)?.(reply));
  port.on('close', () => {
    for (const settle of [...open.values()]) settle({ error: 'the gateway is ending', things: [] });
  });
  port.unref();

  const asked = (ask: KeeperAsk): Promise<Answered> => {
    const number = next;
    next += 1;
    return new Promise((resolve, reject) => {
      const settle: Settle = (reply) => {
        const { error } = reply;
        clearTimeout(timer);
        open.delete(number);
        if (error === null) resolve(reply);
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
    find: async (owner, ids) => (await asked({ type: 'find', owner, ids })).things,
    async describe(thing, document) {
      await asked({ type: 'describe', thing, document });
    },
    list: async (page) => (await asked({ type: 'list', page })).things,
    async owe(obligation, dueAtMs) {
      await asked({ type: 'owe', obligation, dueAtMs });
    },
    async due(nowMs, leaseMs, thing) {
      const { obligations } = await asked({ type: 'due', nowMs, leaseMs, thing: thing ?? null });
      return obligations ?? { due: [], open: 0 };
    },
    async settled(receipt) {
      await asked({ type: 'settled', receipt });
    },
    async postpone(receipt, dueAtMs) {
      await asked({ type: 'postpone', receipt, dueAtMs });
    },
    async forget(thing) {
      await asked({ type: 'forget', thing });
    },
  };
}
