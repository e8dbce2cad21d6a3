import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const requests = 6;
let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', requests: `${requests}/h` } }],
    },
  });
});
after(() => gateway.stop());

const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
const rest = (more: RequestInit = {}) => fetch(`${gateway.url}/api/echo/x`, { headers, ...more });
const chat = () =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] }),
  });

interface StoredReceipt {
  readonly outcome: string;
  readonly route: string;
}

async function receiptOf(answer: Response): Promise<StoredReceipt> {
  const id = answer.headers.get('x-sluice-exchange')!;
  for (
    const until = Date.now() + 10_000;
    Date.now() < until;
    await new Promise((resolve) => setTimeout(resolve, 25))
  ) {
    const found = await gateway.admin(`/v1/receipts/${id}`);
    if (found.ok) return (await found.json()) as StoredReceipt;
  }
  throw new Error(`no receipt of ${id}`);
}

test('REST and models: the same keys, one limit for both, and a receipt for each', async () => {
  assert.equal((await rest({ headers: {} })).status, 401);
  const answers: Response[] = [];
  for (let i = 0; i < requests / 2; i++) answers.push(await rest(), await chat());
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  );
  const refused = [await rest(), await chat()];
  assert.deepEqual(
    refused.map(({ status }) => status),
    [429, 429],
  );
  for (const [index, answer] of answers.entries()) {
    const receipt = await receiptOf(answer);
    assert.deepEqual([receipt.route, receipt.outcome], [index % 2 ? 'llm' : 'api', 'completed']);
  }
  for (const answer of refused) assert.notEqual((await receiptOf(answer)).outcome, 'completed');
  const verified = (await (await gateway.admin('/v1/ledger/verify')).json()) as { clean: boolean };
  assert.equal(verified.clean, true);
});
