import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { renderReceipt } from '../journal/record.ts';
import { fixture, segmentsIn } from '../testing/fixture.ts';
import { onEachStore, sqliteStore } from '../testing/stores.ts';
import { noonMs, recorded, sampleAttempt, sampleId, sampleReceipt, testFolder } from '../testing/samples.ts';
import { packBodies, unpackBodies } from './body-block.ts';
import { migrations } from './sqlite/migrations.ts';

/** Receipt 2 of three is number 2, in the block 1. */
const second = (change: (body: string) => string) => (bodies: string[]) =>
  bodies.map((body, at) => (at === 1 ? change(body) : body));

const corruptions: readonly (readonly [string, string | ((bodies: string[]) => string[]), RegExp])[] = [
  ['a changed line', second((body) => body.replace('"count":80', '"count":81')), /row = its receipt/],
  [
    'a lost attempt',
    second((body) => body.replace(/"attempts":\[.*\]/, '"attempts":[]')),
    /row = its receipt/,
  ],
  ['a receipt of another key', second((body) => body.replace('"k1"', '"k9"')), /counters = receipts, by key/],
  ['a row of another key', `UPDATE receipts SET "key" = 'k9' WHERE sequence = 2`, /row = its receipt/],
  ['a lost row', 'DELETE FROM receipts WHERE sequence = 2', /counters = receipts, by key/],
  ['a lost line', (bodies) => bodies.slice(0, 2), /receipt is readable/],
  ['a lost block', 'DELETE FROM bodies', /counters = receipts, by day/],
  [
    'a receipt of another posting',
    'UPDATE receipts SET posting = 9 WHERE sequence = 2',
    /movements = their posting/,
  ],
  ['a changed counter', 'UPDATE counters SET cost_nano = cost_nano + 1', /counters = receipts, by team/],
  ['a lost request', 'UPDATE counters SET requests = requests - 1', /counters = receipts, by day/],
  ['a changed roll-up', 'UPDATE usage_by_team SET input = input + 1', /usage_by_team = receipts, by model/],
  [
    'a lost service',
    'UPDATE usage_by_service SET requests = requests - 1',
    /usage_by_service = receipts, by service/,
  ],
  [
    'a changed movement',
    `UPDATE movements SET amount_nano = amount_nano + 1 WHERE account = 'project:shop'`,
    /sum to zero/,
  ],
  [
    'a movement under another key',
    `UPDATE movements SET "key" = 'k9' WHERE account = 'project:shop'`,
    /movements = receipts, by key/,
  ],
  ['a lost movement', `DELETE FROM movements WHERE account = 'project:shop'`, /movements = their posting/],
  ['a changed body', second((body) => body.replace('12000', '12001')), /row = its receipt/],
  ['an unreadable body', second(() => '{'), /receipt is readable/],
];

onEachStore('verify finds every planted corruption', async (context, store) => {
  for (const [name, change, expected] of corruptions) {
    const { ledger, journal, raw } = await fixture(context, store);
    const subjects = { key: 'k1', project: 'shop', team: 'web', service: 'checkout' };
    for (const n of [1, 2, 3]) await recorded(journal, { receipt: sampleReceipt(sampleId(n), { subjects }) });
    journal.seal();
    assert.deepEqual((await ledger.verify()).findings, []);
    const books = await raw();
    await assert.rejects(books.query('UPDATE movements SET amount_nano = 0'), /immutable/);
    await assert.rejects(books.query('DELETE FROM movements'), /immutable/);
    await books.unprotect();
    if (typeof change === 'string') await books.query(change);
    else {
      const [row] = await books.query('SELECT content FROM bodies WHERE block = 1');
      await books.setContent(1, packBodies(change(unpackBodies(row!['content'] as Uint8Array))));
    }
    const found = (await ledger.verify()).findings.map((finding) => finding.check);
    assert.ok(
      found.some((check) => expected.test(check)),
      `${name}: ${found.join('; ')}`,
    );
    await ledger.close();
  }
});

test('books of schema version 1 become books of this version, and still add up', async (context) => {
  const folder = testFolder(context);
  const databasePath = join(folder, 'ledger.db');
  const old = new DatabaseSync(databasePath);
  old.exec('CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at_ms INTEGER NOT NULL)');
  old.exec(migrations[0]!.forward as string);
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

  const { ledger, journal } = await fixture(context, sqliteStore, folder);
  assert.deepEqual(await ledger.verify(), { receipts: 1, attempts: 1, findings: [] });
  await recorded(journal, { receipt });
  await recorded(journal, { receipt: sampleReceipt(sampleId(2)) });
  journal.seal();
  assert.deepEqual(await ledger.receipt(sampleId(1)), receipt);
  assert.deepEqual(await ledger.verify(), { receipts: 2, attempts: 2, findings: [] });
  assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 48_600n);
  assert.equal((await ledger.usage({ groupBy: ['team', 'day'] }))[0]!.costNano, 48_600n);
});

onEachStore('what is no token costs, too: in counters and movements', async (context, store) => {
  const { ledger, journal, raw } = await fixture(context, store);
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
  const books = await raw();
  const [sum] = await books.query('SELECT SUM(amount_nano) AS cost FROM movements WHERE amount_nano > 0');
  assert.equal(Number(sum!['cost']), 55_300);
});

onEachStore('books are added up while receipts go on reaching them', async (context, store) => {
  const { ledger, journal, directory } = await fixture(context, store);
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
