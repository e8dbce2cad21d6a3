/** What a budget cannot pay for is not asked of the provider: in every dialect, streamed and whole. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dialectClients } from '../harness/dialect-clients.ts';
import { providers } from '../harness/every-dialect.ts';
import { call, script, startBudgetGateway, totals, type BudgetGateway } from './budget-gateway.ts';

let gateway: BudgetGateway;
before(async () => void (gateway = await startBudgetGateway()));
after(() => gateway.stop());

test('a stream that named no bound is given none that models may not know', async () => {
  const wish = { model: 'o/sim', stream: true, text: script({ tokens: 4 }) };
  for (const [clamp, bound] of [
    [16_384, '16384'],
    [16_385, null],
  ] as const) {
    const { headers } = await call(gateway, 'openai-chat', { wish, allowed: { first: 1e6, clamp } });
    assert.equal(headers.get('x-sluice-max-tokens'), bound);
  }
});

/** OpenAI's responses take no lower bound. */
const clamp = 16;

for (const client of Object.keys(dialectClients)) {
  for (const provider of Object.keys(providers)) {
    test(`${client} → ${provider}: a higher bound is lowered, and one is put where there is none`, async () => {
      for (const maxTokens of [undefined, 500])
        for (const stream of [false, true]) {
          const text = script({ tokens: 40 });
          const wish = { model: `${provider}/sim`, stream, text, ...(maxTokens ? { maxTokens } : {}) };
          const { receipt, headers } = await call(gateway, client, { wish, allowed: { first: 1e6, clamp } });
          assert.equal(headers.get('x-sluice-max-tokens'), String(clamp));
          assert.deepEqual(receipt.attempts[0]!.flags, ['max-tokens-clamped']);
          assert.equal(receipt.outcome, 'completed');
          assert.equal(totals(receipt).output, clamp);
        }
    });

    test(`${client} → ${provider}: a lower bound stands`, async () => {
      const wish = { model: `${provider}/sim`, stream: true, maxTokens: 16, text: script({ tokens: 40 }) };
      const { receipt, headers } = await call(gateway, client, { wish, allowed: { first: 1e6, clamp: 17 } });
      assert.equal(headers.get('x-sluice-max-tokens'), null);
      assert.deepEqual(receipt.attempts[0]!.flags, []);
      assert.equal(totals(receipt).output, 16);
    });
  }
}
