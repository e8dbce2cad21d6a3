import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { renderReceipt } from '../journal/record.ts';
import { fixture, segmentsIn } from '../testing/fixture.ts';
import { noonMs, recorded, sampleAttempt, sampleId, sampleReceipt, testFolder } from '../testing/samples.ts';
import { migrations } from './migrations.ts';
import { verifyDatabase } from './offline.ts';

const corruptions: readonly (readonly [string, string, RegExp])[] = [
  [
    'a changed line',
    `UPDATE receipts SET body = replace(body, '"count":80', '"count":81') WHERE id = :id`,
    /row = its receipt/,
  ],
  [
    'a lost attempt',
    `UPDATE receipts SET body = json_remove(body, '$.attempts[0]') WHERE id = :id`,
    /row = its receipt/,
  ],
  [
    'a receipt of another key',
    `UPDATE receipts SET body = replace(body, '"k1"', '"k9"') WHERE id = :id`,
    /counters = receipts, by key/,
  ],
  ['a row of another key', `UPDATE receipts SET key = 'k9' WHERE id = :id`, /row = its receipt/],
  ['a lost receipt', 'DELETE FROM receipts WHERE id = :id', /counters = receipts, by key/],
  [
    'a receipt of another posting',
    'UPDATE receipts SET posting = 9 WHERE id = :id',
    /movements = their posting/,
  ],
  ['a changed counter', 'UPDATE counters SET cost_nano = cost_nano + 1', /counters = receipts, by team/],
  ['a lost request', 'UPDATE counters SET requests = requests - 1', /counters = receipts, by day/],
  [
    'a changed movement',
    `UPDATE movements SET amount_nano = amount_nano + 1 WHERE account = 'project:shop'`,
    /sum to zero/,
  ],
  [
    'a movement under another key',
    `UPDATE movements SET key = 'k9' WHERE account = 'project:shop'`,
    /movements = receipts, by key/,
  ],
  ['a lost movement', `DELETE FROM movements WHERE account = 'project:shop'`, /movements = their posting/],
  [
    'a changed body',
    `UPDATE receipts SET body = replace(body, '12000', '12001') WHERE id = :id`,
    /row = its receipt/,
  ],
  ['an unreadable body', `UPDATE receipts SET body = '{' WHERE id = :id`, /receipt is readable/],
];

test('verify finds every planted corruption', async (context) => {
  const { ledger, journal, directory, databasePath } = await fixture(context);
  for (const n of [1, 2, 3]) await recorded(journal, { receipt: sampleReceipt(sampleId(n)) });
  journal.seal();
  await ledger.close();
  assert.deepEqual(verifyDatabase(databasePath).findings, []);
  for (const [name, sql, expected] of corruptions) {
    const damaged = join(directory, 'damaged.db');
    cpSync(databasePath, damaged);
    const database = new DatabaseSync(damaged);
    assert.throws(() => database.exec('UPDATE movements SET amount_nano = 0'), /immutable/);
    database.exec('DROP TRIGGER movements_are_immutable; DROP TRIGGER movements_are_kept');
    const { changes } = database.prepare(sql).run(sql.includes(':id') ? { id: sampleId(2) } : {});
    assert.ok(Number(changes) > 0, name);
    database.close();
    const found = verifyDatabase(damaged).findings.map((finding) => finding.check);
    assert.ok(
      found.some((check) => expected.test(check)),
      `${name}: ${found.join('; ')}`,
    );
  }
});

test('books of schema version 1 become books of this version, and still add up', async (context) => {
  const folder = testFolder(context);
  const databasePath = join(folder, 'ledger.db');
  const old = new DatabaseSync(databasePath);
  old.exec('CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at_ms INTEGER NOT NULL)');
  old.exec(migrations[0]!);
  old.exec('INSERT INTO schema_version VALUES (1, 0)');
  const receipt = sampleReceipt(sampleId(1));
  const day = Math.floor(receipt.admittedAtMs / 86_400_000);
  old
    .prepare(
      `INSERT INTO receipts VALUES (?, ?, ?, ?, 'chat', 'completed', 200, 'k1', 'shop', 'web', ?, 'acme', 1, ?)`,
    )
    .run(receipt.id, day, noonMs, noonMs + 1_000, 'acme-small', renderReceipt(receipt));
  old.exec(`INSERT INTO attempts
    VALUES ('${receipt.id}', 1, 'acme', 'acme-small', 200, NULL, 'provider', 'config/1', 'USD', 100, 20, 24300)`);
  receipt.attempts[0]!.lines.forEach(({ line, costNano }, index) => {
    old
      .prepare(`INSERT INTO usage_lines VALUES (?, 1, ?, ?, ?, ?, ?, NULL, ?, ?)`)
      .run(receipt.id, index, line.direction, line.modality, line.cache, line.kind, line.count, costNano);
  });
  const entry = `'USD', :amount, ${day}, 'k1', 'web', 'acme-small'`;
  const move = old.prepare(`INSERT INTO movements VALUES ('${receipt.id}', 1, :account, ${entry})`);
  move.run({ account: 'project:shop', amount: 24_300 });
  move.run({ account: 'provider:acme', amount: -24_300 });
  old.exec(`INSERT INTO counters
    VALUES (${day}, 'k1', 'shop', 'web', 'acme-small', 'acme', 'chat', 'completed', 'USD', 1, 1, 100, 20, 20, 0, 5, 24300)`);
  old.close();

  const { ledger, journal } = await fixture(context, folder);
  assert.deepEqual(await ledger.verify(), { receipts: 1, attempts: 1, findings: [] });
  await recorded(journal, { receipt });
  await recorded(journal, { receipt: sampleReceipt(sampleId(2)) });
  journal.seal();
  assert.deepEqual(await ledger.receipt(sampleId(1)), receipt);
  assert.deepEqual(await ledger.verify(), { receipts: 2, attempts: 2, findings: [] });
  assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 48_600n);
  const database = new DatabaseSync(databasePath, { readOnly: true });
  context.after(() => database.close());
  const lines = database
    .prepare('SELECT SUM(count) AS tokens, SUM(cost_nano) AS cost FROM usage_lines')
    .get();
  assert.deepEqual({ ...lines }, { tokens: 240, cost: 48_600 });
});

test('what is no token costs, too: in counters, movements and views', async (context) => {
  const { ledger, journal, databasePath } = await fixture(context);
  const units = [
    { unit: 'requests', count: 1, costNano: 1_000n },
    { unit: 'searches', count: 3, costNano: 30_000n },
  ];
  const receipt = sampleReceipt(sampleId(1), { attempts: [sampleAttempt({ units })] });
  await recorded(journal, { receipt });
  journal.seal();
  assert.deepEqual(await ledger.receipt(sampleId(1)), receipt);
  assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 24_300n + 31_000n);
  assert.deepEqual((await ledger.verify()).findings, []);
  const database = new DatabaseSync(databasePath, { readOnly: true });
  context.after(() => database.close());
  const sum = (sql: string) => ({ ...database.prepare(sql).get() });
  assert.deepEqual(sum('SELECT COUNT(*) AS n, SUM(cost_nano) AS cost FROM usage_units'), {
    n: 2,
    cost: 31_000,
  });
  assert.deepEqual(sum('SELECT SUM(amount_nano) AS cost FROM movements WHERE amount_nano > 0'), {
    cost: 55_300,
  });
});

test('books are added up while receipts go on reaching them', async (context) => {
  const { ledger, journal, directory } = await fixture(context);
  const write = async (from: number, to: number): Promise<void> => {
    const all: Promise<void>[] = [];
    for (let n = from; n < to; n += 1) all.push(recorded(journal, { receipt: sampleReceipt(sampleId(n)) }));
    await Promise.all(all);
    journal.seal();
  };
  await write(0, 5_000);
  const first = ledger.verify();
  await write(5_000, 5_010);
  await ledger.flush();
  assert.deepEqual(segmentsIn(directory), [], 'ingested before the books were added up');
  assert.deepEqual(await Promise.race([first, Promise.resolve('going on')]), 'going on');
  assert.deepEqual((await first).findings, []);
  assert.deepEqual(await ledger.verify(), { receipts: 5_010, attempts: 5_010, findings: [] });
  const last = ledger.verify();
  await Promise.all([ledger.close(), assert.rejects(last, /closed/)]);
});
