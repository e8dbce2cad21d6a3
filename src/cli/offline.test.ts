import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { openJournal } from '#ledger/journal/open-journal.ts';
import { startLedger } from '#ledger/store/start-ledger.ts';
import { recorded, sampleId, sampleReceipt, testFolder } from '#ledger/testing/samples.ts';
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
