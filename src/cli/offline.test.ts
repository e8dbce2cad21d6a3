import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { openChainSecret } from '#audit/chain-secret.ts';
import type { AuditChange } from '#core/contracts/audit.ts';
import { openJournal } from '#ledger/journal/open-journal.ts';
import { startLedger } from '#ledger/store/start-ledger.ts';
import { recorded, sampleId, sampleReceipt, testFolder } from '#ledger/testing/samples.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { spawnSluice } from './testing/spawn-sluice.ts';

/** A state directory whose ledger has so many receipts. */
async function stateWith(context: TestContext, receipts: number): Promise<string> {
  const directory = testFolder(context);
  const ledger = await startLedger({
    databasePath: join(directory, 'ledger.db'),
    journalDirectory: directory,
    postgres: null,
    onError: (error) => assert.fail(error),
  });
  context.after(() => ledger.close());
  const journal = openJournal({
    directory,
    worker: 0,
    incarnation: 'one',
    onSealed: (path) => ledger.sealed(path),
  });
  for (let i = 0; i < receipts; i++) {
    await recorded(journal, { receipt: sampleReceipt(sampleId(i)) });
  }
  journal.close();
  await ledger.flush();
  await ledger.close();
  return directory;
}

test('the ledger is read offline: proof, sums, export', async (context) => {
  const cwd = await stateWith(context, 3);
  const run = (...args: string[]) => spawnSluice(['ledger', ...args, '--state', cwd], { cwd });
  const proof = await run('verify');
  assert.equal(proof.code, 0, proof.err);
  assert.match(proof.out, /^3 receipts, \d+ attempts: everything adds up\n$/);

  const [row] = JSON.parse((await run('top', '--by', 'project', '--json')).out);
  assert.equal(row.requests, 3);
  assert.match((await run('top')).out, /^team +model +requests/);
  assert.match((await run('top', '--by', 'nothing')).err, /"nothing" is none of key, project/);

  const lines = (await run('export')).out.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).id),
    [0, 1, 2].map(sampleId),
  );
  const csv = (await run('export', '--format', 'csv')).out.split('\r\n');
  assert.match(csv[0]!, /^receipt,attempt,/);
  assert.ok(csv.length >= 5);
  assert.equal((await run('export', '--to', '2001-01-01')).out, '');
});

test('receipts of old days are removed', async (context) => {
  const cwd = await stateWith(context, 3);
  const run = (...args: string[]) => spawnSluice(['ledger', ...args, '--state', cwd], { cwd });
  assert.match((await run('prune', '--before', '2026-11-01T05:00')).err, /Expected a day such as/);
  const day = '2030-01-01';
  assert.match((await run('prune', '--before', day)).out, /^3 receipts of 1 day\(s\) are removed/);
  assert.match((await run('verify')).out, /^0 receipts, 0 attempts: everything adds up\n$/);
  assert.equal(JSON.parse((await run('top', '--json')).out)[0].requests, 3);
});

test('what commands change is on the audit log there, under whoever ran them', async (context) => {
  const cwd = await stateWith(context, 3);
  const given = 'ab'.repeat(32);
  const begin = (masterKeys: string[] | null) =>
    openChainSecret(cwd, new MasterKey({ directory: cwd, given: masterKeys }));
  const run = (...args: string[]) => spawnSluice([...args, '--state', cwd], { cwd });
  const changes = async () =>
    (await run('audit', 'export')).out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditChange)
      .filter(({ kind }) => kind === 'change');
  begin(null);
  assert.equal((await run('ledger', 'prune', '--before', '2030-01-01')).code, 0);
  assert.equal((await run('migrate', '--back')).code, 0);
  assert.equal((await run('migrate')).code, 0);
  // Nothing to be done, and nothing to be recorded.
  assert.equal((await run('migrate')).code, 0);
  assert.equal((await run('secrets', 'rotate')).code, 0);
  const told = await changes();
  const actions = ['ledger.prune', 'ledger.migrate', 'ledger.migrate', 'master-key.rotate'];
  assert.deepEqual(told.map(({ action }) => action).sort(), actions.sort());
  for (const { who } of told) assert.deepEqual(who, { ...who, name: userInfo().username, via: 'command' });
  const pruned = told.find(({ action }) => action === 'ledger.prune')!;
  const migrated = told.filter(({ action }) => action === 'ledger.migrate');
  const [back, forth] = migrated.map(({ before, after }) => [before, after]);
  assert.deepEqual(back, forth?.toReversed());
  assert.notDeepEqual(back![0], back![1]);
  assert.deepEqual(pruned.after, { beforeDay: 21915, days: 1, receipts: 3 });
  assert.match((await run('audit', 'verify')).out, /nothing was changed or taken away/);
  const copy = join(cwd, 'copy');
  const there = join(cwd, 'there');
  await run('backup', copy);
  assert.equal((await spawnSluice(['restore', copy, '--state', there], { cwd })).code, 0);
  const restored = await spawnSluice(['audit', 'search', '--json', '--state', there], { cwd });
  assert.match(restored.out, /state\.restore/);

  // A log under a key that is elsewhere: done, but not silently.
  rmSync(join(cwd, 'audit'), { recursive: true });
  rmSync(join(cwd, 'audit-secret'));
  begin([given]);
  const unrecorded = await run('migrate', '--back');
  assert.equal(unrecorded.code, 1);
  assert.match(unrecorded.err, /it was done, but is not in the audit log: .*key/);
  const env = { SLUICE_MASTER_KEY: given };
  assert.equal((await spawnSluice(['migrate', '--state', cwd], { cwd, env })).code, 0);
});

test('a ledger that does not add up is exit code 1', async (context) => {
  const cwd = await stateWith(context, 1);
  const database = new DatabaseSync(join(cwd, 'ledger.db'));
  database.exec('UPDATE counters SET input = input + 1');
  database.close();
  const { code, out } = await spawnSluice(['ledger', 'verify', '--state', cwd], { cwd });
  assert.equal(code, 1);
  assert.match(out, /finding\(s\)/);
  const missing = await spawnSluice(['ledger', 'top', '--state', join(cwd, 'none')], { cwd });
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^sluice: there is no ledger at .*ledger\.db/);
});

test('a configuration is checked without a gateway', async (context) => {
  const cwd = testFolder(context);
  const good = [
    'version: 1',
    'providers: { simulated: {} }',
    'routes:',
    '  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }',
  ];
  writeFileSync(join(cwd, 'good.yaml'), good.join('\n'));
  writeFileSync(join(cwd, 'bad.yaml'), 'version: 1\nroute: []\n');
  const checked = await spawnSluice(['check', 'good.yaml'], { cwd });
  assert.deepEqual([checked.code, checked.err, checked.out], [0, '', 'good.yaml is good\n']);
  const refused = await spawnSluice(['check', 'bad.yaml'], { cwd });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^bad\.yaml:2:1: route: unknown key "route"/m);
  const scripted = await spawnSluice(['check', 'bad.yaml', '--json'], { cwd });
  assert.deepEqual([scripted.code, scripted.err, JSON.parse(scripted.out).valid], [1, '', false]);
});
