import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openJournal, type SegmentedJournal } from '../journal/open-journal.ts';
import { startLedger, type Ledger } from '../store/start-ledger.ts';
import { testFolder } from './samples.ts';

export interface Fixture {
  readonly directory: string;
  readonly databasePath: string;
  readonly ledger: Ledger;
  readonly journal: SegmentedJournal;
  readonly errors: Error[];
}

/** A ledger, and the journal of one worker that feeds it. */
export async function fixture(context: TestContext, folder = testFolder(context)): Promise<Fixture> {
  const directory = folder;
  const databasePath = join(folder, 'ledger.db');
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const ledger = await startLedger({ databasePath, journalDirectory: directory, onError });
  context.after(() => ledger.close());
  const onSealed = (path: string): void => ledger.sealed(path);
  const journal = openJournal({ directory, worker: 0, incarnation: `run${Date.now()}`, onSealed });
  context.after(() => journal.close());
  return { directory, databasePath, ledger, journal, errors };
}

export const segmentsIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /\.(open|sealed)$/.test(name));
