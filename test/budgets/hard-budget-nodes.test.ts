/** A hard budget that two nodes pay for in one Redis, block by block: what parallel streams through both spend together. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf, type StoredReceipt } from '../harness/receipts.ts';
import { startRedis, type TestRedis } from '../harness/redis.ts';

/** 450 millions of nano-dollars, at 100,000 for a token of output. */
const budget = '0.45 per month';
const budgetNano = 450_000_000;
const nanoPerToken = 100_000;
/** One event, which is one token here, and what counts may differ by. */
const mostOverTokens = 51;

let redis: TestRedis;
let simulator: Simulator;
const gateways: TestGateway[] = [];
before(async () => {
  redis = await startRedis();
  simulator = await startSimulator({ port: 0 });
  const config = {
    storage: { redis: { url: redis.url, timeout: '10s' } },
    prices: { 'o/*': { input: '1', output: '100' }, 'a/*': { input: '1', output: '100' } },
    policies: [{ 'key-auth': {} }, { budget: { by: 'project', money: budget, hard: true } }],
  };
  for (let n = 0; n < 2; n++) gateways.push(await startTestGateway({ simulator, config }));
});
after(async () => {
  for (const gateway of gateways) await gateway.stop();
  await simulator.close();
  await redis.stop();
});

async function stream(gateway: TestGateway, model: string, usage: string) {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify({ tokens: 900, usage })}` }],
    }),
  });
  const text = await answer.text();
  const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
  return { status: answer.status, text, receipt };
}

const spentBy = ({ attempts }: StoredReceipt): number =>
  attempts.flatMap(({ lines }) => lines).reduce((sum, { costNano }) => sum + Number(costNano), 0);

test('parallel streams through two nodes spend one budget to its end, and each that is cut is at most 51 tokens over', async () => {
  const made: Awaited<ReturnType<typeof stream>>[] = [];
  for (let round = 0; round < 6 && !made.some(({ status }) => status === 402); round++)
    made.push(
      ...(await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          stream(gateways[i % 2]!, i % 4 < 2 ? 'o/gpt-sim' : 'a/claude-sim', i % 3 ? 'normal' : 'none'),
        ),
      )),
    );
  const cuts = made.filter(({ receipt }) => receipt.outcome === 'budget_cut');
  assert.ok(cuts.length > 0, made.map(({ receipt }) => receipt.outcome).join());
  for (const { text, receipt } of cuts) {
    assert.match(text, /"finish_reason":"length"/);
    assert.match(text, /data: \[DONE\]/);
    assert.equal(receipt.fault, 'budget/cut');
  }
  for (const { status, receipt } of made.filter((one) => one.status !== 200))
    assert.deepEqual([status, receipt.fault], [402, 'credit/exhausted']);
  const spent = made.reduce((sum, { receipt }) => sum + spentBy(receipt), 0);
  assert.ok(spent - budgetNano <= cuts.length * mostOverTokens * nanoPerToken, `${spent - budgetNano} over`);
  assert.ok(spent > budgetNano - 40 * nanoPerToken, `${spent} spent`);
  const nodes = new Set(made.flatMap(({ status }, i) => (status === 200 ? [i % 2] : [])));
  assert.equal(nodes.size, 2, 'both nodes have streams');
  for (const gateway of gateways) {
    const verified = (await (await gateway.admin('/v1/ledger/verify')).json()) as { findings: string[] };
    assert.deepEqual(verified.findings, []);
  }
});
