import type { MessagePort } from 'node:worker_threads';
import type { Keeper } from '#core/contracts/keeper.ts';
import { askThread } from '../thread/ask-thread.ts';
import type { KeeperAnswer, KeeperAsk } from './protocol.ts';

/** The keeper of one thread, over a port of the keeper service. */
export function connectKeeper(port: MessagePort): Keeper {
  const asked = askThread<KeeperAsk, KeeperAnswer>(port, 'the record of what providers keep');
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
