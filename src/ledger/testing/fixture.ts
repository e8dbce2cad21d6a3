import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openJournal, type SegmentedJournal } from '../journal/open-journal.ts';
import type { LedgerPlace } from '../store/open-books.ts';
import { startLedger, type Ledger } from '../store/start-ledger.ts';
import { testFolder } from './samples.ts';
import { sqliteStore, type RawBooks, type TestStore } from './stores.ts';

export interface Fixture {
  readonly directory: string;
  readonly place: LedgerPlace;
  readonly ledger: Ledger;
  readonly journal: SegmentedJournal;
  readonly errors: Error[];
  /** The database behind the ledger's back. */
  raw(): Promise<RawBooks>;
}

/** A ledger, and the journal of one worker that feeds it. */
export async function fixture(
  context: TestContext,
  store: TestStore = sqliteStore,
  folder = testFolder(context),
): Promise<Fixture> {
  return openNode(context, store, { ...(await store.place(folder)) });
}

/** Another node of the same ledger, with a journal of its own. */
export async function anotherNode(
  context: TestContext,
  store: TestStore,
  of: Fixture,
  node: string,
): Promise<Fixture> {
  const journalDirectory = join(of.directory, node);
  mkdirSync(journalDirectory, { recursive: true });
  return openNode(context, store, {
    ...of.place,
    journalDirectory,
    postgres: { ...of.place.postgres!, node },
  });
}

async function openNode(context: TestContext, store: TestStore, place: LedgerPlace): Promise<Fixture> {
  const directory = place.journalDirectory;
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const ledger = await startLedger({ ...place, onError });
  context.after(() => ledger.close());
  const onSealed = (path: string): void => ledger.sealed(path);
  const journal = openJournal({ directory, worker: 0, incarnation: `run${Date.now()}`, onSealed });
  context.after(() => journal.close());
  const raw = async (): Promise<RawBooks> => {
    const books = await store.open(place);
    context.after(() => books.close());
    return books;
  };
  return { directory, place, ledger, journal, errors, raw };
}

export const segmentsIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /\.(open|sealed)$/.test(name));
