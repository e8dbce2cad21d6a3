import assert from 'node:assert/strict';
import type { PriceVersion } from '#core/price.ts';
import { priceKey, repriceReceipt, type PriceBook } from '#core/reprice.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { fixture } from '../testing/fixture.ts';
import { test } from 'node:test';
import { onEachStore } from '../testing/stores.ts';
import { noonMs, recorded, sampleAttempt, sampleId, sampleReceipt } from '../testing/samples.ts';

const charge = { version: 'charge/1', currency: 'USD' };
const lines = [
  { line: inputLine(80), costNano: 12_000n, priceNano: 15_000n },
  { line: outputLine(20), costNano: 8_000n, priceNano: 9_000n },
];

onEachStore(
  'the project owes the price, the provider is owed the cost, and the margin is the rest',
  async (context, store) => {
    const { ledger, journal, raw } = await fixture(context, store);
    const charged = (over: object) => [sampleAttempt({ lines, charge, ...over })];
    await recorded(journal, { receipt: sampleReceipt(sampleId(1), { attempts: charged({}) }) });
    const inEuros = { charge: { version: 'charge/2', currency: 'EUR' } };
    await recorded(journal, { receipt: sampleReceipt(sampleId(2), { attempts: charged(inEuros) }) });
    await recorded(journal, { receipt: sampleReceipt(sampleId(3)) });
    journal.seal();
    await ledger.flush();
    const books = await raw();
    const rows = await books.query(
      'SELECT account, currency, SUM(amount_nano) AS amount FROM movements GROUP BY account, currency ORDER BY account, currency',
    );
    assert.deepEqual(
      rows.map(({ account, currency, amount }) => [account, currency, Number(amount)]),
      [
        ['margin', 'EUR', -24_000],
        ['margin', 'USD', -4_000 + 20_000],
        ['project:shop', 'EUR', 24_000],
        ['project:shop', 'USD', 24_000 + 24_300],
        ['provider:acme', 'USD', -20_000 - 20_000 - 24_300],
      ],
    );
    const usage = await ledger.usage({ groupBy: ['project'] });
    assert.deepEqual(
      usage.map((row) => [row.currency, row.requests, row.inputTokens, row.costNano, row.priceNano]),
      [
        ['USD', 3, 260, 64_300n, 48_300n],
        ['EUR', 0, 0, 0n, 24_000n],
      ],
    );
    assert.deepEqual((await ledger.verify()).findings, []);
    await books.query('UPDATE counters SET price_nano = price_nano + 1');
    const checks = new Set((await ledger.verify()).findings.map(({ check }) => check));
    assert.deepEqual(
      [...checks].sort(),
      ['key', 'team', 'model', 'day'].map((by) => `counters = receipts, by ${by}`).sort(),
    );
  },
);

/** What the sample cost, at twice the price from noon on. */
const price = (over: Partial<PriceVersion> = {}): PriceVersion => ({
  ...{
    version: 'config/2',
    currency: 'USD',
    input: 300_000_000n,
    output: 1_200_000_000n,
    cacheRead: 30_000_000n,
  },
  ...over,
});
const book = (over: Partial<PriceBook> = {}): PriceBook => ({
  prices: { [priceKey('acme', 'acme-small')]: [price()] },
  named: [],
  charges: null,
  tolerances: {},
  ...over,
});
const wish = { query: {}, model: null, dryRun: false, after: '' };

onEachStore(
  're-rating books the difference beside receipts that stay as they are, and twice is once',
  async (context, store) => {
    const { ledger, journal, raw } = await fixture(context, store);
    const others = { model: 'other', lines: [{ line: inputLine(5), costNano: 5n }] };
    for (const n of [1, 2, 3]) {
      const attempts = n === 3 ? [sampleAttempt(others)] : [sampleAttempt()];
      await recorded(journal, { receipt: sampleReceipt(sampleId(n), { attempts }) });
    }
    journal.seal();
    await ledger.flush();
    const before = await ledger.receipt(sampleId(1));

    const dry = await ledger.rerate({ ...wish, book: book(), dryRun: true });
    // 80 × 300 + 20 × 30 + 15 × 1200 + 5 × 1200 = 48,600 for 24,300 before.
    const difference = { USD: { costNano: 48_600n, priceNano: 48_600n } };
    assert.deepEqual(dry, { after: null, examined: 3, corrected: 2, difference });
    assert.deepEqual(await ledger.receipt(sampleId(1)), before);

    assert.deepEqual(await ledger.rerate({ ...wish, book: book() }), dry);
    const standing = (await ledger.receipt(sampleId(1)))!;
    assert.deepEqual(
      standing.attempts[0]!.lines.map(({ costNano }) => costNano),
      [24_000n, 600n, 18_000n, 6_000n],
    );
    assert.equal(standing.attempts[0]!.priceVersion, 'config/2');
    assert.deepEqual({ ...standing, attempts: before!.attempts }, before, 'nothing else has changed');
    const again = await ledger.rerate({ ...wish, book: book() });
    assert.deepEqual([again.corrected, again.difference], [0, {}]);

    const verification = await ledger.verify();
    assert.deepEqual(verification, { receipts: 3, attempts: 3, findings: [] });
    const books = await raw();
    assert.equal(Number((await books.query('SELECT COUNT(*) AS n FROM corrections'))[0]!['n']), 2);
    const postings = await books.query(
      'SELECT posting, SUM(amount_nano) AS n FROM movements GROUP BY posting',
    );
    assert.deepEqual(
      postings.map(({ n }) => Number(n)),
      [0, 0],
      'a posting of its own, which sums to zero',
    );
    const [usage] = await ledger.usage({ groupBy: [] });
    assert.equal(usage!.costNano, 2n * 48_600n + 5n);
    assert.equal(usage!.requests, 3);
    const entries = await ledger.entries(0, 100);
    assert.deepEqual(
      entries.map(({ type }) => type),
      ['receipt', 'receipt', 'receipt', 'correction', 'correction'],
    );

    // And back: what was booked is taken back, to the last unit.
    const cheap = price({ input: 150_000_000n, output: 600_000_000n, cacheRead: 15_000_000n });
    await ledger.rerate({ ...wish, book: book({ prices: { [priceKey('acme', 'acme-small')]: [cheap] } }) });
    assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 2n * 24_300n + 5n);
    assert.deepEqual((await ledger.verify()).findings, []);
  },
);

onEachStore(
  're-rating goes by the version in force when the attempt began, and by what customers pay',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    const receipt = sampleReceipt(sampleId(1), { attempts: [sampleAttempt({ lines, units: [] })] });
    await recorded(journal, { receipt });
    journal.seal();
    await ledger.flush();
    const schedule = [
      price({ version: 'early', input: 1_000_000n, output: 0n }),
      price({ version: 'now', fromMs: noonMs, input: 2_000_000n, output: 0n }),
      price({ version: 'late', fromMs: noonMs + 6, input: 9_000_000n, output: 0n }),
    ];
    const charges = {
      ...{ projects: {}, teams: {} },
      all: { prices: {}, markups: [{ version: 'm/1', share: { numerator: 3n, denominator: 2n } }] },
    };
    const prices = { [priceKey('acme', 'acme-small')]: schedule };
    await ledger.rerate({ ...wish, book: book({ prices, charges }) });
    const [attempt] = (await ledger.receipt(sampleId(1)))!.attempts;
    assert.equal(attempt!.priceVersion, 'now');
    assert.deepEqual(attempt!.charge, { version: 'm/1/now', currency: 'USD' });
    assert.deepEqual(
      attempt!.lines.map(({ costNano, priceNano }) => [costNano, priceNano]),
      [
        [160n, 240n],
        [0n, 0n],
      ],
    );
    assert.deepEqual((await ledger.verify()).findings, []);
  },
);

onEachStore(
  'the same receipt again, after it was priced anew, is the same receipt',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    const receipt = sampleReceipt(sampleId(1));
    await recorded(journal, { receipt });
    journal.seal();
    await ledger.flush();
    await ledger.rerate({ ...wish, book: book() });
    await recorded(journal, { receipt });
    journal.seal();
    await ledger.flush();
    assert.deepEqual(await ledger.verify(), { receipts: 1, attempts: 1, findings: [] });
    assert.equal((await ledger.usage({ groupBy: [] }))[0]!.costNano, 48_600n);
    // One that says something else is no repeat.
    await recorded(journal, { receipt: { ...receipt, status: 201 } });
    journal.seal();
    await ledger.flush();
    assert.deepEqual(
      (await ledger.verify()).findings.map(({ check }) => check),
      ['nothing was set aside'],
    );
  },
);

onEachStore('of one model only, and a page at a time', async (context, store) => {
  const { ledger, journal } = await fixture(context, store);
  const count = 503;
  const written = Array.from({ length: count }, (_, n) =>
    recorded(journal, { receipt: sampleReceipt(sampleId(n + 1)) }),
  );
  await Promise.all(written);
  journal.seal();
  await ledger.flush();
  const none = await ledger.rerate({ ...wish, model: 'none', book: book() });
  assert.deepEqual([none.examined, none.corrected], [500, 0]);
  const first = await ledger.rerate({ ...wish, model: 'acme-small', book: book() });
  assert.deepEqual([first.corrected, first.after], [500, sampleId(500)]);
  const rest = await ledger.rerate({ ...wish, model: 'acme-small', book: book(), after: first.after! });
  assert.deepEqual([rest.corrected, rest.after], [3, null]);
  assert.deepEqual((await ledger.verify()).findings, []);
});

onEachStore(
  'webhooks are remembered: where they are, who delivers, what was given up',
  async (context, store) => {
    const { ledger, journal } = await fixture(context, store);
    const { outbox } = ledger;
    await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
    journal.seal();
    await ledger.flush();
    assert.equal(await outbox.end(), 1);
    assert.deepEqual(
      await outbox.claim('hook', 30_000),
      { position: 1, held: [], stopped: null },
      'from now on',
    );
    const event = {
      id: 'e',
      type: 'key.created',
      subject: 'key:k',
      atMs: 1,
      data: { a: '\u0000é' },
    } as const;
    await new Promise((resolve) => journal.event(event, resolve));
    await new Promise((resolve) => journal.event(event, resolve));
    journal.seal();
    await ledger.flush();
    const entries = await outbox.entries(1, 10);
    assert.deepEqual(
      entries.map((entry) => entry.type === 'event' && entry.event),
      [event],
      'told twice, on the books once',
    );
    const letter = { webhook: 'hook', sequence: 2, event: '{}', reason: 'status 422', tries: 5 };
    const held = [{ subject: 'key:k', after: 1 }];
    assert.equal(await outbox.advance('hook', { position: 2, held }, [letter]), true);
    assert.equal(await outbox.advance('hook', { position: 1, held: [] }, []), false, 'never back');
    assert.equal(await outbox.advance('nobody', { position: 9, held: [] }, []), false);
    assert.deepEqual(await outbox.claim('hook', 30_000), { position: 2, held, stopped: null });
    assert.equal(await outbox.stop('hook', 'gone'), true);
    assert.equal(await outbox.stop('nobody', 'gone'), false);
    assert.deepEqual(await outbox.states(), [
      { webhook: 'hook', position: 2, held, stopped: 'gone', letters: 1 },
    ]);
    const [stored] = await outbox.letters({ webhook: 'hook' }, 10);
    assert.deepEqual({ ...stored, id: 0, atMs: 0 }, { ...letter, id: 0, atMs: 0 });
    assert.deepEqual(await outbox.letters({ webhook: 'other' }, 10), []);
    assert.deepEqual(await outbox.letters({ id: stored!.id }, 10), [stored]);
    assert.deepEqual(await outbox.takeLetter(stored!.id), stored);
    assert.equal(await outbox.takeLetter(stored!.id), null);
  },
);

test('a batch is priced anew by its sums, where each of its tokens costs the same; else it stays', () => {
  const attempt = sampleAttempt({
    ...{ flags: ['batch'], serviceTier: 'batch', priceVersion: 'config/1+batch' },
    rawUsage: { answers: 3, failed: 1 },
    // Three calls, each of which was rounded.
    lines: [{ line: inputLine(1000), costNano: 75_001n }],
    units: [{ unit: 'requests', count: 3, costNano: 6n }],
  });
  const receipt = sampleReceipt(sampleId(1), { attempts: [attempt] });
  const by = (batch: Partial<PriceVersion>, of = receipt) => {
    const row = {
      ...price({ version: 'config/2+batch', serviceTier: 'batch', input: 150_000_000n, perRequest: 5n }),
      ...batch,
    };
    return repriceReceipt(
      of,
      book({ prices: { [priceKey('acme', 'acme-small')]: [price({ batch: row })] } }),
      null,
    );
  };
  const now = by({})!;
  assert.deepEqual(now.attempts[0]!.lines, [{ line: inputLine(1000), costNano: 150_000n }]);
  assert.deepEqual(now.attempts[0]!.units, [{ unit: 'requests', count: 3, costNano: 15n }]);
  assert.deepEqual([now.attempts[0]!.priceVersion, now.attempts[0]!.flags], ['config/2+batch', ['batch']]);
  assert.equal(by({}, now), null, 'twice is once');
  assert.equal(by({ version: 'config/1+batch' }), null, 'what it has been billed by, with its roundings');
  assert.equal(
    by({ tiers: [{ fromInputTokens: 400, then: price() }] }),
    null,
    'whose call they were is not known',
  );
});
