import assert from 'node:assert/strict';
import { statSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openJournal } from '../journal/open-journal.ts';
import { installedReceipt, type Installation } from '../testing/many-receipts.ts';
import { noonMs, recorded, testFolder } from '../testing/samples.ts';
import { onEachStore, type RawBooks, type TestStore } from '../testing/stores.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { openBooks, type LedgerPlace } from './open-books.ts';
import { queryReceipts, queryUsage, type UsageQuery } from './queries.ts';
import { verifyBooks } from './verify.ts';

const isLong = Boolean(process.env['SLUICE_LONG']);
/** 50 million are asked for by SLUICE_RECEIPTS: they take hours. */
const count = Number(process.env['SLUICE_RECEIPTS'] ?? (isLong ? 2_000_000 : 200_000));
const installation: Installation = { fromMs: noonMs, days: Math.min(100, Math.ceil(count / 20_000)), count };
const eachBatch = 5_000;

/** Bytes of all there is: tables and indexes. */
async function sizeOf(place: LedgerPlace, books: RawBooks): Promise<number> {
  if (!place.postgres) return statSync(place.databasePath).size;
  const [row] = await books.query('SELECT pg_database_size(current_database()) AS size');
  return Number(row!['size']);
}

/** Puts them all on the books by way of journals, and returns how long the books took. */
async function ingestAll(writer: LedgerWriter, directory: string): Promise<number> {
  let tookMs = 0;
  let sealed: string[] = [];
  const onSealed = (path: string): void => void sealed.push(path);
  for (let from = 0; from < count; from += eachBatch) {
    const journal = openJournal({ directory, worker: 0, incarnation: `b${from}`, onSealed });
    const written: Promise<void>[] = [];
    for (let n = from; n < Math.min(from + eachBatch, count); n += 1)
      written.push(recorded(journal, { receipt: installedReceipt(n, installation), booked: [] }));
    await Promise.all(written);
    journal.close();
    const beganAt = performance.now();
    await writer.ingest(sealed);
    tookMs += performance.now() - beganAt;
    sealed = [];
  }
  return tookMs;
}

onEachStore(
  `${count} receipts: rate, size, and how long questions take`,
  async (context, store: TestStore) => {
    const folder = testFolder(context);
    const place = await store.place(folder);
    const directory = join(folder, 'journal');
    mkdirSync(directory);
    const books = await openBooks(place);
    context.after(() => books.close());
    const tookMs = await ingestAll(new LedgerWriter(books, directory), directory);
    const raw = await store.open(place);
    context.after(() => raw.close());
    if (place.postgres) await raw.query('VACUUM ANALYZE');
    const size = await sizeOf(place, raw);
    const figure = (text: string): void =>
      context.diagnostic(`figure: ${store.name}, ${count} receipts: ${text}`);
    figure(`${Math.round((count / tookMs) * 1_000)} a second on the books`);
    figure(`${Math.round(size / count)} bytes each, with their indexes and sums`);

    const timed = async (query: UsageQuery) => {
      const beganAt = performance.now();
      const rows = await books.ask(queryUsage(query));
      const requests = rows.reduce((sum, row) => sum + row.requests, 0);
      return { rows, requests, ms: Math.round(performance.now() - beganAt) };
    };
    const questions: readonly UsageQuery[] = [
      { groupBy: ['team', 'model', 'day'] },
      { groupBy: ['service', 'day'] },
      { groupBy: ['key', 'model'] },
      { groupBy: ['project', 'route', 'outcome'] },
    ];
    for (const query of questions) {
      const { rows, requests, ms } = await timed(query);
      figure(`usage by ${query.groupBy.join(', ')}: ${ms} ms, ${rows.length} rows`);
      assert.equal(requests, count);
    }
    const nth = installedReceipt(count >> 1, installation);
    const beganAt = performance.now();
    const ofTrace = await books.ask(queryReceipts({ traceId: nth.traceId! }, { after: '', limit: 10 }));
    figure(`receipts of one trace: ${Math.round(performance.now() - beganAt)} ms`);
    assert.deepEqual(ofTrace, [nth]);
    // All are read for it, so only where they are few.
    if (count > 300_000) return;
    const verified = await books.survey(verifyBooks(), new AbortController().signal);
    assert.deepEqual(verified, { receipts: count, attempts: count, findings: [] });
  },
);
