import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openJournal, type SegmentedJournal } from '../journal/open-journal.ts';
import { fixture, segmentsIn } from '../testing/fixture.ts';
import {
  noonMs,
  recorded,
  sampleAttempt,
  sampleId,
  sampleIntent,
  sampleReceipt,
  testFolder,
} from '../testing/samples.ts';
import { onEachStore, type RawBooks } from '../testing/stores.ts';
import { topOfDatabase, verifyDatabase } from './offline.ts';

onEachStore(
  'receipts reach the books, their segments are deleted, and the columns add up',
  async (context, store) => {
    const { ledger, journal, directory, errors } = await fixture(context, store);
    const receipt = sampleReceipt(sampleId(1));
    const retried = sampleReceipt(sampleId(2), {
      subjects: { key: 'k2', project: 'shop', team: 'app' },
      attempts: [
        sampleAttempt({ status: 500, fault: 'upstream/status', lines: [] }),
        sampleAttempt({ number: 2, provider: 'zeta', model: 'zeta-1', currency: 'EUR' }),
      ],
    });
    const refused = sampleReceipt(sampleId(3), { outcome: 'refused', status: 429, attempts: [] });
    for (const one of [receipt, retried, refused]) await recorded(journal, { receipt: one });
    journal.seal();
    await ledger.flush();
    assert.equal(ledger.lagSegments(), 0);
    assert.deepEqual(segmentsIn(directory), []);
    assert.deepEqual(await ledger.receipt(sampleId(2)), retried);
    assert.equal(await ledger.receipt('unknown'), null);
    assert.deepEqual(await ledger.verify(), { receipts: 3, attempts: 3, findings: [] });
    const rows = await ledger.usage({ groupBy: ['team', 'day'] });
    const figures = {
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 20,
      cacheWriteTokens: 0,
      reasoningTokens: 5,
    };
    const sums = { ...figures, errors: 0, costNano: 24_300n, priceNano: 24_300n };
    const day = '2026-11-23';
    const nothing = {
      inputTokens: 0,
      outputTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
    };
    assert.deepEqual(
      rows.toSorted((a, b) => b.requests - a.requests),
      [
        { group: { team: 'web', day }, currency: 'USD', requests: 2, attempts: 1, ...sums },
        { group: { team: 'app', day }, currency: 'EUR', requests: 1, attempts: 1, ...sums },
        {
          group: { team: 'app', day },
          currency: 'USD',
          requests: 0,
          attempts: 1,
          errors: 0,
          ...nothing,
          costNano: 0n,
          priceNano: 0n,
        },
      ],
    );
    const exported: string[] = [];
    for await (const one of ledger.export({ where: { team: 'web' } })) exported.push(one.id);
    assert.deepEqual(exported, [sampleId(1), sampleId(3)]);
    const page = await ledger.latest({}, { before: null, limit: 2 });
    assert.deepEqual(
      page.receipts.map(({ id }) => id),
      [sampleId(3), sampleId(2)],
    );
    const last = await ledger.latest({}, { before: page.next, limit: 2 });
    assert.deepEqual(last, { receipts: [receipt], next: null });
    const where = { team: ['web', 'none'], outcome: 'refused' };
    const found = await ledger.latest({ where, fromMs: refused.admittedAtMs }, { before: null, limit: 2 });
    assert.deepEqual(found, { receipts: [refused], next: null });
    await assert.rejects(ledger.usage({ groupBy: ['body' as 'key'] }), RangeError);
    assert.deepEqual(errors, []);
  },
);

onEachStore(
  'a question waits for what was sealed before it, not for what comes meanwhile',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    const first = sampleReceipt(sampleId(1));
    await recorded(journal, { receipt: first });
    journal.seal();
    const answer = ledger.receipt(first.id);
    for (let n = 2; n <= 400; n++) {
      await recorded(journal, { receipt: sampleReceipt(sampleId(n)) });
      journal.seal();
    }
    assert.deepEqual(await answer, first);
    assert.ok(ledger.lagSegments() > 0, 'answered before the rest was on the books');
    await ledger.flush();
    assert.equal(ledger.lagSegments(), 0);
    assert.equal((await ledger.verify()).receipts, 400);
  },
);

onEachStore('money beyond what a float can hold stays exact', async (context, store) => {
  const { ledger, journal } = await fixture(context, store);
  const costNano = 2n ** 60n + 1n;
  const lines = [{ line: sampleAttempt().lines[0]!.line, costNano }];
  for (const n of [1, 2, 3]) {
    await recorded(journal, {
      receipt: sampleReceipt(sampleId(n), { attempts: [sampleAttempt({ lines })] }),
    });
  }
  journal.seal();
  await ledger.flush();
  assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 3n * costNano);
  assert.deepEqual((await ledger.verify()).findings, []);
});

onEachStore('a receipt that cannot be booked is set aside and holds up no other', async (context, store) => {
  const { ledger, journal } = await fixture(context, store);
  const line = sampleAttempt().lines[0]!.line;
  const tooMuch = sampleAttempt({ lines: [{ line, costNano: 2n ** 70n }] });
  const negative = sampleAttempt({ lines: [{ line: { ...line, count: -1 }, costNano: 1n }] });
  await recorded(journal, { receipt: sampleReceipt(sampleId(1), { attempts: [tooMuch] }) });
  await recorded(journal, { receipt: sampleReceipt(sampleId(2), { attempts: [negative] }) });
  await recorded(journal, { receipt: sampleReceipt(sampleId(3)) });
  journal.seal();
  await ledger.flush();
  const { receipts, findings } = await ledger.verify();
  assert.equal(receipts, 1);
  assert.deepEqual(
    findings.map((finding) => [finding.check, finding.subject]),
    [
      ['nothing was set aside', `refused ${sampleId(1)} at 0`],
      ['nothing was set aside', `refused ${sampleId(2)} at 0`],
    ],
  );
});

onEachStore(
  'ingesting twice changes nothing, under the same name and under another',
  async (context, store) => {
    const { ledger, journal, directory, raw } = await fixture(context, store);
    const books = await raw();
    const kept = testFolder(context);
    for (const n of [1, 2, 3]) {
      await recorded(journal, { intent: sampleIntent(sampleId(n)) });
      if (n < 3) await recorded(journal, { receipt: sampleReceipt(sampleId(n)) });
    }
    // An open segment is what a dead worker leaves: adopting ingests it.
    for (const name of segmentsIn(directory)) copyFileSync(join(directory, name), join(kept, name));
    const before = async (): Promise<unknown> => [await dump(books), await ledger.verify()];
    journal.seal();
    await ledger.flush();
    const state = await before();
    for (const name of readdirSync(kept)) {
      for (const again of [name.replace('.open', '.sealed'), `w9-other-${name.split('-')[2]}`]) {
        copyFileSync(join(kept, name), join(directory, again));
        ledger.sealed(join(directory, again));
      }
    }
    await ledger.flush();
    assert.deepEqual(await before(), state);
    assert.deepEqual(segmentsIn(directory), []);
  },
);

/** Everything in the books, but not which segments they came from. */
async function dump(books: RawBooks): Promise<unknown> {
  const tables = ['receipts', 'bodies', 'movements', 'counters', 'usage_by_team', 'booked', 'open_attempts'];
  const rows: unknown[] = [];
  for (const table of tables) rows.push(await books.query(`SELECT * FROM ${table}`));
  return rows;
}

onEachStore(
  'an attempt without a receipt becomes a crash receipt, and the customer pays the last mark',
  async (context, store) => {
    const { ledger, journal, directory } = await fixture(context, store);
    await recorded(journal, {
      intent: sampleIntent(sampleId(1), { estimatedCostNano: '99', currency: 'USD' }),
    });
    const mark = { exchange: sampleId(2), attempt: 2, currency: 'USD', inputTokens: 120 };
    await recorded(journal, { intent: sampleIntent(sampleId(2)) });
    await recorded(journal, { intent: sampleIntent(sampleId(2), { attempt: 2, model: 'zeta-1' }) });
    journal.progress({ ...mark, atMs: noonMs + 1_000, outputTokens: 10, costNano: '700' });
    await recorded(journal, { receipt: sampleReceipt(sampleId(3)) });
    journal.seal();
    journal.progress({ ...mark, atMs: noonMs + 2_000, outputTokens: 30, costNano: '1900' });
    await recorded(journal, { intent: sampleIntent(sampleId(4)) });
    journal.close();
    // As a worker leaves it that was killed.
    const last = segmentsIn(directory).sort().at(-1)!;
    renameSync(join(directory, last), join(directory, last.replace('.sealed', '.open')));
    const report = await ledger.recover();
    assert.equal(report.crashed, 3);
    const crash = (await ledger.receipt(sampleId(2)))!;
    assert.equal(crash.outcome, 'gateway_crash');
    const [first, second] = crash.attempts;
    assert.deepEqual(first!.lines, []);
    assert.equal(second!.endedAtMs, noonMs + 2_000);
    assert.deepEqual(
      second!.lines.map((priced) => [priced.line.direction, priced.line.count, priced.costNano]),
      [
        ['input', 120, 0n],
        ['output', 30, 1900n],
      ],
    );
    const unmarked = (await ledger.receipt(sampleId(1)))!.attempts[0]!;
    assert.deepEqual(unmarked.flags, ['gateway-crash', 'operator-cost-uncertain']);
    assert.deepEqual((unmarked.rawUsage as { operatorCost: unknown }).operatorCost, {
      fromNano: '0',
      toNano: '99',
      estimatedInputTokens: 120,
    });
    assert.deepEqual(await ledger.verify(), { receipts: 4, attempts: 5, findings: [] });
    assert.equal((await ledger.recover()).crashed, 0);
  },
);

onEachStore('usage is summed by service, and of a trace by anything', async (context, store) => {
  const { ledger, journal } = await fixture(context, store);
  const of = (n: number, service: string | null, traceId: string | null) => {
    const subjects = { key: `k${n}`, project: 'shop', team: 'web', ...(service ? { service } : {}) };
    return recorded(journal, { receipt: sampleReceipt(sampleId(n), { subjects, traceId }) });
  };
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await Promise.all([of(1, 'checkout', traceId), of(2, 'checkout', null), of(3, 'search', traceId)]);
  await of(4, null, traceId);
  journal.seal();
  await ledger.flush();
  const by = async (...query: Parameters<typeof ledger.usage>) =>
    (await ledger.usage(...query)).map(({ group, requests, costNano }) => [group, requests, costNano]);
  assert.deepEqual(await by({ groupBy: ['service'] }), [
    [{ service: 'checkout' }, 2, 48_600n],
    [{ service: 'search' }, 1, 24_300n],
  ]);
  assert.deepEqual(await by({ groupBy: ['team'], where: { service: 'search' } }), [
    [{ team: 'web' }, 1, 24_300n],
  ]);
  await assert.rejects(
    ledger.usage({ groupBy: ['service', 'key'] }),
    /service is summed up with day, project/,
  );
  assert.deepEqual(await by({ groupBy: ['service'], traceId }), [
    [{ service: 'checkout' }, 1, 24_300n],
    [{ service: 'search' }, 1, 24_300n],
    [{ service: '' }, 1, 24_300n],
  ]);
  assert.deepEqual(await by({ groupBy: [], traceId, where: { key: 'k3' } }), [[{}, 1, 24_300n]]);
  assert.deepEqual(await by({ groupBy: [], traceId: '0'.repeat(32) }), []);
  assert.deepEqual((await ledger.verify()).findings, []);
});

onEachStore('adopting settles one dead worker and leaves the others alone', async (context, store) => {
  const { ledger, directory } = await fixture(context, store);
  const open = (worker: number): SegmentedJournal => {
    const journal = openJournal({ directory, worker, incarnation: `i${worker}`, onSealed: () => undefined });
    context.after(() => journal.close());
    return journal;
  };
  await recorded(open(1), { intent: sampleIntent(sampleId(1)) });
  await recorded(open(2), { intent: sampleIntent(sampleId(2)) });
  assert.deepEqual(await ledger.adoptIncarnation(1, 'i1'), { segments: 1, crashed: 1 });
  assert.equal((await ledger.receipt(sampleId(1)))?.outcome, 'gateway_crash');
  assert.equal(await ledger.receipt(sampleId(2)), null);
  assert.deepEqual((await ledger.verify()).findings, []);
});

onEachStore(
  'the windows of limits are given back in at most 60 panes, with nothing lost',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    const booked = (amount: number): { subject: string; windowMs: number; amount: number }[] => [
      { subject: 'tokens', windowMs: 60_000, amount },
      { subject: 'quota', windowMs: 86_400_000, amount: 1 },
    ];
    const all = Array.from({ length: 400 }, (_, n) =>
      recorded(journal, {
        receipt: sampleReceipt(sampleId(n), { admittedAtMs: noonMs + n * 200 }),
        booked: booked(n),
      }),
    );
    await Promise.all(all);
    journal.seal();
    await ledger.flush();
    const nowMs = noonMs + 400 * 200;
    const panes = await ledger.windowsSince(nowMs);
    const tokens = panes.filter((pane) => pane.subject === 'tokens');
    const inside = Array.from({ length: 400 }, (_, n) => n).filter((n) => noonMs + n * 200 > nowMs - 60_000);
    const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0);
    const widest = 1 + Math.ceil(60_000 / 59 / 200);
    const given = sum(tokens.map((pane) => pane.amount));
    assert.ok(tokens.length <= 60, `${tokens.length} panes`);
    assert.ok(
      given >= sum(inside) && given <= sum(inside) + widest * inside[0]!,
      `${given} for ${sum(inside)}`,
    );
    assert.ok(tokens.every((pane) => pane.atMs <= nowMs && pane.atMs > nowMs - 60_000));
    assert.equal(sum(panes.filter((pane) => pane.subject === 'quota').map((pane) => pane.amount)), 400);
  },
);

test('a locked database holds up nothing but itself', async (context) => {
  const { ledger, journal, place, directory, errors } = await fixture(context);
  const other = new DatabaseSync(place.databasePath);
  context.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.seal();
  while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(errors[0]!.message, /locked/);
  assert.equal(ledger.lagSegments(), 1);
  await recorded(journal, { receipt: sampleReceipt(sampleId(2)) });
  journal.seal();
  assert.equal(segmentsIn(directory).length, 2);
  other.exec('ROLLBACK');
  await ledger.flush();
  assert.deepEqual(segmentsIn(directory), []);
  assert.equal((await ledger.verify()).receipts, 2);
});

onEachStore(
  'a contradiction and an attempt missing from its receipt are reported',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    await recorded(journal, { intent: sampleIntent(sampleId(1), { attempt: 7 }) });
    await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
    await recorded(journal, { receipt: sampleReceipt(sampleId(1), { status: 500 }) });
    journal.seal();
    await ledger.flush();
    const checks = (await ledger.verify()).findings.map((finding) => finding.found);
    assert.deepEqual(checks, ['none on the receipt', 'a second receipt with this id says something else']);
    assert.equal((await ledger.receipt(sampleId(1)))?.status, 200);
  },
);

test('a database file is read without its gateway', async (context) => {
  const { ledger, journal, place } = await fixture(context);
  await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
  journal.seal();
  await ledger.close();
  assert.equal(verifyDatabase(place.databasePath).receipts, 1);
  assert.deepEqual(
    topOfDatabase(place.databasePath, { groupBy: ['model'] }).map((row) => row.group.model),
    ['acme-small'],
  );
});
