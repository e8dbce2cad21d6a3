import assert from 'node:assert/strict';
import { fixture } from '../testing/fixture.ts';
import { idAt, noonMs, recorded, sampleIntent, sampleReceipt } from '../testing/samples.ts';
import { onEachStore } from '../testing/stores.ts';
import { openBooks } from './open-books.ts';
import { pruneBooks } from './prune-books.ts';
import { dayMs, idDayOf } from './receipt-entry.ts';

const receiptOn = (day: number, n: number) =>
  sampleReceipt(idAt(noonMs + day * dayMs, n), { admittedAtMs: noonMs + day * dayMs });

onEachStore(
  'receipts of old days go; their sums stay, and the books still add up',
  async (context, store) => {
    const { ledger, journal, place } = await fixture(context, store);
    for (let n = 0; n < 300; n += 1) await recorded(journal, { receipt: receiptOn(n % 3, n) });
    // One that was given up, and then came after all.
    const late = receiptOn(0, 400);
    await recorded(journal, { intent: sampleIntent(late.id, { admittedAtMs: late.admittedAtMs }) });
    journal.close();
    await ledger.recover();
    const before = await ledger.usage({ groupBy: ['day', 'model', 'outcome'] });
    const books = await openBooks(place);
    context.after(() => books.close());

    const today = idDayOf(idAt(noonMs, 0));
    assert.deepEqual(await pruneBooks(books, today + 2), { days: 2, receipts: 201 });
    assert.equal(await ledger.receipt(late.id), null);
    assert.equal((await ledger.receipt(receiptOn(2, 2).id))?.id, receiptOn(2, 2).id);
    assert.deepEqual(await ledger.usage({ groupBy: ['day', 'model', 'outcome'] }), before);
    assert.deepEqual(await ledger.verify(), { receipts: 100, attempts: 100, findings: [] });
    assert.deepEqual(await pruneBooks(books, today + 2), { days: 0, receipts: 0 });
  },
);

onEachStore('what comes for a day whose receipts are gone is set aside, whole', async (context, store) => {
  const { ledger, journal, place, raw } = await fixture(context, store);
  for (const n of [0, 1]) await recorded(journal, { receipt: receiptOn(0, n) });
  journal.seal();
  await ledger.flush();
  const books = await openBooks(place);
  context.after(() => books.close());
  await pruneBooks(books, idDayOf(idAt(noonMs, 0)) + 1);
  for (const n of [1, 2]) await recorded(journal, { receipt: receiptOn(0, n) });
  await recorded(journal, { receipt: receiptOn(1, 3) });
  journal.seal();
  await ledger.flush();
  const { receipts, findings } = await ledger.verify();
  assert.equal(receipts, 1);
  assert.deepEqual(
    findings.map(({ check, subject }) => [check, subject]),
    [1, 2].map((n) => ['nothing was set aside', `pruned ${receiptOn(0, n).id} at 0`]),
  );
  assert.equal((await ledger.usage({ groupBy: [] }))[0]!.requests, 3);
  const [kept] = await (await raw()).query('SELECT content FROM incidents');
  assert.match(String(kept!['content']), /"id":"01/);
});

onEachStore('a day that is not in order stays', async (context, store) => {
  const { ledger, journal, place, raw } = await fixture(context, store);
  await recorded(journal, { receipt: receiptOn(0, 1) });
  journal.seal();
  await ledger.flush();
  await (await raw()).query('UPDATE receipts SET tokens = tokens + 1');
  const books = await openBooks(place);
  context.after(() => books.close());
  await assert.rejects(
    pruneBooks(books, idDayOf(idAt(noonMs, 0)) + 1),
    /not in order \(row = its receipt: 01/,
  );
  assert.notEqual(await ledger.receipt(receiptOn(0, 1).id), null);
});
