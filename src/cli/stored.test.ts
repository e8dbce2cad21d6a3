import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { openChainSecret } from '#audit/chain-secret.ts';
import { openJournal, type SegmentedJournal } from '#ledger/journal/open-journal.ts';
import { verifyDatabase } from '#ledger/store/offline.ts';
import { startLedger, type Ledger } from '#ledger/store/start-ledger.ts';
import {
  noonMs,
  recorded,
  sampleId,
  sampleIntent,
  sampleReceipt,
  testFolder,
} from '#ledger/testing/samples.ts';
import { postgresServer, postgresStore } from '#ledger/testing/stores.ts';
import { openKeyStore } from '#storage/embedded/key-store.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { acquireStateLock } from '#storage/embedded/state-lock.ts';
import { spawnSluice } from './testing/spawn-sluice.ts';

interface Node {
  readonly state: string;
  readonly ledger: Ledger;
  readonly journal: SegmentedJournal;
}

/** A state directory in use, as a gateway's. */
async function open(
  context: TestContext,
  postgres: Awaited<ReturnType<typeof postgresStore.place>>['postgres'] = null,
): Promise<Node> {
  const state = join(testFolder(context), 'state');
  const lock = acquireStateLock(state, { listen: 'here' });
  context.after(() => lock.release());
  const directory = join(state, 'journal');
  mkdirSync(directory);
  const place = { databasePath: join(state, 'ledger.db'), journalDirectory: directory, postgres };
  const ledger = await startLedger({ ...place, onError: () => undefined });
  context.after(() => ledger.close());
  const onSealed = (path: string) => ledger.sealed(path);
  const journal = openJournal({ directory, worker: 0, incarnation: 'one', onSealed });
  context.after(() => journal.close());
  return { state, ledger, journal };
}

test('a copy made under load has every receipt that was on record when it began, and adds up', async (context) => {
  const { state, ledger, journal } = await open(context);
  const keys = openKeyStore({ directory: state, env: {}, fileKeys: [] });
  context.after(() => keys.close());
  const writing = new AbortController();
  const ids: string[] = [];
  const written = (async () => {
    while (!writing.signal.aborted) {
      const id = sampleId(ids.length);
      await recorded(journal, { receipt: sampleReceipt(id) });
      ids.push(id);
      if (ids.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  while (ids.length < 200) await new Promise((resolve) => setTimeout(resolve, 10));
  const confirmed = [...ids];
  const cwd = testFolder(context);
  const copied = await spawnSluice(['backup', 'copy', '--state', state], { cwd });
  writing.abort();
  await written;
  assert.equal(copied.code, 0, copied.err);
  assert.match(copied.out, /^\d+ files, \d+ bytes, in copy\n$/);
  assert.match(
    (await spawnSluice(['backup', 'copy', '--state', state], { cwd })).err,
    /copy is there already/,
  );

  const restored = await spawnSluice(['restore', 'copy', '--state', 'again'], { cwd });
  assert.equal(restored.code, 0, restored.err);
  assert.match(restored.out, /receipts, \d+ attempts: everything adds up/);
  assert.ok(!existsSync(join(cwd, 'again', 'lock.json')));
  assert.equal(statSync(join(cwd, 'again', 'first-key')).mode & 0o777, 0o600);
  const again = openKeyStore({ directory: join(cwd, 'again'), env: {}, fileKeys: [] });
  context.after(() => again.close());
  assert.equal(again.firstKey(), keys.firstKey());

  // What had not been taken in is in the copy's journal: a start takes it in.
  const databasePath = join(cwd, 'again', 'ledger.db');
  const journalDirectory = join(cwd, 'again', 'journal');
  const place = { databasePath, journalDirectory, postgres: null };
  const started = await startLedger({ ...place, onError: assert.fail });
  await started.recover();
  const found = new Set<string>();
  for await (const receipt of started.export({})) found.add(receipt.id);
  await started.close();
  assert.deepEqual(
    confirmed.filter((id) => !found.has(id)),
    [],
  );
  assert.deepEqual(verifyDatabase(databasePath).findings, []);
  await ledger.close();
});

test('a damaged copy, a directory in use and one that holds something are refused', async (context) => {
  const { state, ledger, journal } = await open(context);
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.close();
  await ledger.flush();
  const cwd = testFolder(context);
  const run = (...args: string[]) => spawnSluice(args, { cwd });
  assert.equal((await run('backup', 'copy', '--state', state)).code, 0);
  assert.match((await run('restore', 'copy', '--state', state)).err, /in use by process/);
  mkdirSync(join(cwd, 'full'));
  writeFileSync(join(cwd, 'full', 'kept.db'), '');
  assert.match((await run('restore', 'copy', '--state', 'full')).err, /full is not empty: kept\.db is in it/);
  appendFileSync(join(cwd, 'copy', 'ledger.db'), 'x');
  assert.match((await run('restore', 'copy', '--state', 'new')).err, /ledger\.db is not as it was copied/);
  assert.ok(!existsSync(join(cwd, 'new')));
  assert.match(
    (await run('restore', 'nothing', '--state', 'new')).err,
    /no copy of a state directory at nothing/,
  );
});

test('a ledger goes one version back, and forward again; --check says so before', async (context) => {
  const { state, ledger, journal } = await open(context);
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.close();
  await ledger.close();
  const cwd = testFolder(context);
  const copy = join(cwd, 'state');
  assert.equal((await spawnSluice(['backup', 'state', '--state', state], { cwd })).code, 0);
  rmSync(join(copy, 'manifest.json'));
  const run = (...args: string[]) => spawnSluice(['migrate', ...args, '--state', copy], { cwd });
  const own = JSON.parse((await run('--check', '--json')).out)[0].own as number;
  assert.equal((await run('--check')).code, 0);
  assert.equal((await run('--back')).code, 0);
  const checked = await run('--check');
  assert.equal(checked.code, 1);
  assert.match(checked.out, new RegExp(`ledger +${own - 1} +${own} +to be migrated`));
  assert.equal((await run()).code, 0);
  assert.deepEqual(verifyDatabase(join(copy, 'ledger.db')), { receipts: 1, attempts: 1, findings: [] });
  const database = new DatabaseSync(join(copy, 'ledger.db'));
  database.exec(`INSERT INTO schema_version VALUES (${own + 1}, 0)`);
  database.close();
  assert.match((await run('--check')).out, /of a later build/);
  assert.match((await run()).err, new RegExp(`version ${own + 1}, this build knows ${own}`));
});

test('the tables of many nodes go one version back while nodes run, and forward again', async (context) => {
  const { postgres } = await postgresStore.place(testFolder(context));
  const { ledger, journal } = await open(context, postgres);
  const cwd = testFolder(context);
  const run = (...args: string[]) =>
    spawnSluice(['migrate', ...args, '--postgres', postgres!.server.url], { cwd });
  assert.equal((await run()).code, 0);
  const states = JSON.parse((await run('--check', '--json')).out) as { part: string; version: number }[];
  assert.deepEqual(
    states.map(({ part }) => part),
    ['ledger', 'kept', 'keys'],
  );
  assert.equal((await run('--back')).code, 0);
  assert.equal((await run('--check')).code, 1);
  // A node of this version that finds columns missing brings them back before it goes on.
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.seal();
  await ledger.flush();
  assert.equal((await run()).code, 0);
  assert.deepEqual(await ledger.verify(), { receipts: 1, attempts: 1, findings: [] });
});

test('the ledger of many nodes: its own dump, restored elsewhere, adds up', async (context) => {
  const server = await postgresServer();
  const { postgres } = await postgresStore.place(testFolder(context));
  const { ledger, journal } = await open(context, postgres);
  for (let n = 0; n < 50; n += 1)
    await recorded(journal, { receipt: sampleReceipt(sampleId(n), { admittedAtMs: noonMs + n }) });
  journal.seal();
  await ledger.flush();
  const cwd = testFolder(context);
  const [dump, url] = [join(cwd, 'ledger.dump'), await server.createDatabase()];
  server.run('pg_dump', ['--format=custom', `--file=${dump}`, postgres!.server.url]);
  server.run('pg_restore', [`--dbname=${url}`, dump]);
  const proof = await spawnSluice(['ledger', 'verify', '--postgres', url], { cwd });
  assert.equal(proof.out, '50 receipts, 50 attempts: everything adds up\n', proof.err);
  const [row] = JSON.parse((await spawnSluice(['ledger', 'top', '--json', '--postgres', url], { cwd })).out);
  assert.equal(row.requests, 50);
});

test('adopt: the journal of a node that is gone goes on the books, and what it had left open is settled', async (context) => {
  const { postgres } = await postgresStore.place(testFolder(context));
  const lost = await open(context, { ...postgres!, node: 'lost' });
  await recorded(lost.journal, { intent: sampleIntent(sampleId(1)) });
  lost.journal.seal();
  await lost.ledger.flush();
  await lost.ledger.close();
  // After that the ledger did not take in any more.
  await recorded(lost.journal, { intent: sampleIntent(sampleId(2)) });
  await recorded(lost.journal, { receipt: sampleReceipt(sampleId(3)) });
  lost.journal.close();
  const cwd = testFolder(context);
  const { url } = postgres!.server;
  const run = (...args: string[]) => spawnSluice(['ledger', 'adopt', ...args, '--postgres', url], { cwd });
  const there = join(lost.state, 'journal');
  assert.match((await run('nobody')).err, /no node "nobody" has written .* known: lost \(/);
  assert.match((await run('lost', '--journal', there)).err, /in use by process/);
  const journal = join(cwd, 'taken', 'journal');
  mkdirSync(join(cwd, 'taken'));
  renameSync(there, journal);
  mkdirSync(there);
  assert.match(
    (await run('lost', '--journal', journal)).err,
    /lost on .* was seen .* s ago, so it is there; --force/,
  );
  writeFileSync(join(cwd, 'taken', 'node'), 'another\n');
  assert.match(
    (await run('lost', '--journal', journal, '--force')).err,
    /the journal of another, not of lost/,
  );
  rmSync(join(cwd, 'taken', 'node'));
  // As where the whole directory of the node is there.
  const taken = join(cwd, 'taken');
  acquireStateLock(taken, { listen: 'none' }).release();
  openChainSecret(taken, new MasterKey({ directory: taken, given: null }));
  const adopted = await run('lost', '--journal', journal, '--force');
  assert.match(adopted.out, /^1 segment\(s\) of lost are on the books, 2 exchange\(s\) settled/, adopted.err);
  assert.deepEqual(readdirSync(journal), []);
  const told = await spawnSluice(['audit', 'search', '--json', '--state', taken], { cwd });
  const records = JSON.parse(told.out) as { action?: string; resource?: string; after?: object }[];
  const [change] = records.filter(({ action }) => action === 'ledger.adopt');
  assert.deepEqual([change?.resource, change?.after], ['node/lost', { segments: 1, crashed: 2 }]);
  const proof = await spawnSluice(['ledger', 'verify', '--postgres', url], { cwd });
  assert.equal(proof.out, '3 receipts, 3 attempts: everything adds up\n', proof.err);
});
