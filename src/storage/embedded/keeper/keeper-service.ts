import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { openThreadService, type ThreadService } from '../thread/thread-service.ts';
import type { KeeperAsk, KeeperAnswer } from './protocol.ts';

const nothingOwed: KeeperAnswer = { things: [], obligations: { due: [], open: 0 } };

/** The record of kept things for the whole process. @param path Of the database. */
export function openKeeperService(path: string): ThreadService {
  return openThreadService({
    name: 'keeper',
    // The same name, as source or compiled.
    entry: new URL(`./keeper-thread${extname(import.meta.url)}`, import.meta.url),
    workerData: { path },
    // Nothing was ever kept, so nothing is owed: no thread is needed to say so.
    withoutThread: (ask) =>
      (ask as KeeperAsk).type === 'due' && !existsSync(path) ? nothingOwed : undefined,
  });
}
