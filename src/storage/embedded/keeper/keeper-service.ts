import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import type { PostgresServer } from '#postgres/connect.ts';
import { openThreadService, type ThreadService } from '../thread/thread-service.ts';
import type { KeeperAsk, KeeperAnswer } from './protocol.ts';

const nothingOwed: KeeperAnswer = { things: [], obligations: { due: [], open: 0 } };

export interface KeeperPlace {
  /** Of SQLite, unless there is a server. */
  readonly path: string;
  /** Of all nodes together; null: none. */
  readonly postgres: PostgresServer | null;
}

/** The record of kept things for the whole process. */
export function openKeeperService(place: KeeperPlace): ThreadService {
  return openThreadService({
    name: 'keeper',
    // The same name, as source or compiled.
    entry: new URL(`./keeper-thread${extname(import.meta.url)}`, import.meta.url),
    workerData: place,
    // Nothing was ever kept here, so nothing is owed: no thread is needed to say so.
    withoutThread: (ask) =>
      (ask as KeeperAsk).type === 'due' && !place.postgres && !existsSync(place.path)
        ? nothingOwed
        : undefined,
  });
}
