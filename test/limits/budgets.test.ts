/** Budgets, from the caller's side: what is spent, what is said, and what answers when nothing is left. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventRecord } from '#core/contracts/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf, send, settled, type Ask, type StoredReceipt } from '../harness/receipts.ts';

const costOf = ({ attempts }: StoredReceipt): bigint =>
  attempts.flatMap(({ lines }) => lines).reduce((sum, { costNano }) => sum + BigInt(costNano), 0n);
const nano = (dollars: number): bigint => BigInt(Math.round(dollars * 1e9));

async function withBudgets(
  budgets: readonly object[],
  run: (gateway: TestGateway) => Promise<void>,
  more: Record<string, unknown> = {},
): Promise<void> {
  const gateway = await startTestGateway({
    threads: 2,
    config: { policies: [{ 'key-auth': {} }, ...budgets.map((budget) => ({ budget }))], ...more },
  });
  try {
    await run(gateway);
  } finally {
    await gateway.stop();
  }
}

const ask = (script: object, more: Partial<Ask> = {}): Ask => ({
  dialect: 'chat',
  model: 'o/gpt-sim',
  script,
  ...more,
});
/** Of input 2 and output 8 dollars for a million tokens: 500 of output are $0.004, and a little for the input. */
const halfCent = ask({ tokens: 500 }, { stream: false, body: { max_tokens: 500 } });

/** Calls until one is not answered with 200. */
async function spendAll(gateway: TestGateway, what: Ask): Promise<Response> {
  for (let calls = 0; calls < 100; calls++) {
    const answer = await send(gateway, what);
    if (answer.status !== 200) return answer;
    await answer.arrayBuffer();
  }
  return assert.fail('nobody refused');
}

/** Events of a type in the ledger, once there are so many; ten seconds at most. */
async function eventsOf(gateway: TestGateway, type: string, count: number): Promise<EventRecord[]> {
  const database = new DatabaseSync(join(gateway.stateDirectory, 'ledger.db'), { readOnly: true });
  try {
    for (const until = Date.now() + 10_000; ; await delay(50)) {
      const rows = database.prepare('SELECT body FROM events ORDER BY sequence').all();
      const events = rows.map(({ body }) => JSON.parse(String(body)) as EventRecord);
      const found = events.filter((event) => event.type === type);
      if (found.length >= count || Date.now() > until) return found;
    }
  } finally {
    database.close();
  }
}

test('a hard budget of $0.45 in thirty parallel streams is not passed by what they were given', async (t) => {
  await withBudgets([{ by: 'project', money: '0.45 per month', hard: true }], async (gateway) => {
    const ids = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const answer = await send(gateway, ask({ tokens: 6000 }, { body: { max_tokens: 128_000 } }));
        assert.match(await answer.text(), /data: \[DONE\]\n\n$/);
        return answer.headers.get('x-sluice-exchange')!;
      }),
    );
    const receipts = await Promise.all(ids.map((id) => receiptOf(gateway, id)));
    const spent = receipts.reduce((sum, receipt) => sum + costOf(receipt), 0n);
    assert.ok(spent <= nano(0.45), `${spent} nano-dollars`);
    assert.ok(spent > nano(0.4), `${spent} nano-dollars: the rest was given, too`);
    assert.deepEqual([...new Set(receipts.map(({ outcome }) => outcome))], ['budget_cut']);
    t.diagnostic(`figure: nano-dollars spent of a budget of 450000000 in parallel streams: ${spent}`);
  });
});

test('once a hard budget of a month is used up, the answer is 402, and says what is left', async () => {
  await withBudgets([{ by: 'project', money: '0.02 per month', hard: true }], async (gateway) => {
    const first = await send(gateway, halfCent);
    assert.ok(Number(first.headers.get('x-credits-remaining')) < 0.02);
    await first.arrayBuffer();
    const refused = await spendAll(gateway, { ...halfCent, body: { max_tokens: 2000 } });
    const body = (await refused.json()) as { error: { type: string; message: string } };
    assert.equal(refused.status, 402, JSON.stringify(body));
    assert.equal(body.error.type, 'insufficient_quota');
    assert.match(body.error.message, /budget of 0\.02 USD per month for project "web"/);
    assert.equal(refused.headers.get('x-should-retry'), 'false');
    assert.ok(Number(refused.headers.get('x-credits-remaining')) < 0.004);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
  });
});

test('a call that a hard budget can pay for in part is bounded to that, and its receipt says so', async () => {
  await withBudgets([{ by: 'project', tokens: '1000 per month', hard: true }], async (gateway) => {
    const { status, last } = await settled(
      gateway,
      ask({ tokens: 5000 }, { stream: false, body: { max_tokens: 20_000 } }),
    );
    assert.equal(status, 200);
    assert.ok(last.flags.includes('max-tokens-clamped'), last.flags.join());
    const { input = 0, output = 0 } = countsOf(last);
    assert.ok(input + output <= 1000 && output > 900, `${input} in, ${output} out`);
  });
});

test('thresholds of a soft budget are said on the answer and told as events, each once', async () => {
  const budget = { by: 'project', tokens: '2000 per day', warnAt: [50, 90] };
  await withBudgets([budget], async (gateway) => {
    const warnings: (string | null)[] = [];
    for (;;) {
      const answer = await send(gateway, ask({ tokens: 150 }, { stream: false, body: { max_tokens: 150 } }));
      await answer.arrayBuffer();
      if (answer.status !== 200) {
        assert.equal(answer.status, 429);
        break;
      }
      warnings.push(answer.headers.get('x-sluice-budget-warning'));
    }
    assert.equal(warnings[0], null);
    assert.match(warnings.at(-1)!, /^"budget\/0\/tokens\/day";used=\d\d;threshold=90$/);
    assert.ok(warnings.some((warning) => warning?.endsWith('threshold=50')));
    const told = await eventsOf(gateway, 'budget.threshold', 2);
    assert.deepEqual(
      told.map(({ id, subject, data }) => [id.split('/').at(-1), subject, data['limit'], data['per']]),
      [
        ['50', 'project:web', 2000, 'day'],
        ['90', 'project:web', 2000, 'day'],
      ],
    );
  });
});

test('where a budget is used up another model answers, is counted on, and the receipt says so', async () => {
  const budgets = [
    { by: 'project', money: '0.01 per month', downgrade: 'a/claude-sim' },
    { by: 'project', tokens: '5000 per month', hard: true },
  ];
  await withBudgets(budgets, async (gateway) => {
    for (;;) {
      const { status, text, receipt, last } = await settled(gateway, halfCent);
      if (last === undefined || last.provider !== 'o') {
        assert.equal(status, 200, text);
        assert.equal(last.model, 'claude-sim');
        assert.ok(last.flags.includes('downgraded'));
        assert.equal(receipt.requestedModel, 'o/gpt-sim');
        break;
      }
    }
    const answer = await send(gateway, halfCent);
    assert.equal(answer.headers.get('x-sluice-downgraded'), 'a/claude-sim');
    assert.equal(answer.headers.get('x-credits-remaining'), '0', 'what it uses counts, and refuses nobody');
    const body = (await answer.json()) as { model: string; choices: unknown[] };
    assert.equal(body.choices.length, 1, 'in the dialect of the caller');
    const refused = await spendAll(gateway, halfCent);
    assert.equal(refused.status, 429, 'the budget beside it holds for both');
  });
});

test('a budget that names a model which is not there is no configuration', async () => {
  const budget = { by: 'key', money: '1 per day', downgrade: 'nobody/knows' };
  await assert.rejects(
    withBudgets([budget], async () => assert.fail('it was taken')),
    /there is no model "nobody\/knows"/,
  );
});

test('under a budget of money, a model without a price is refused, unless such may pass', async () => {
  const prices = { 'o/*': { input: '2', output: '8' } };
  const claude = { ...halfCent, model: 'a/claude-sim' };
  await withBudgets(
    [{ by: 'project', money: '1 per day' }],
    async (gateway) => {
      const refused = await send(gateway, claude);
      assert.equal(refused.status, 403);
      assert.match(await refused.text(), /has no price in USD/);
      assert.equal(gateway.simulator.calls().length, 0);
      assert.equal((await send(gateway, halfCent)).status, 200);
    },
    { prices },
  );
  await withBudgets(
    [{ by: 'project', money: '1 per day', unpriced: 'pass' }],
    async (gateway) => assert.equal((await send(gateway, claude)).status, 200),
    { prices },
  );
});
