/**
 * Streams whose budget runs out at every one of their events, from every dialect of providers to every dialect of clients, through
 * real sockets: each is heard by the client's official library, which finds nothing wrong, and each receipt says what it was told.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readsAs, traits } from '../conformance/dialect/traits.ts';
import { dialectClients } from '../harness/dialect-clients.ts';
import { providers } from '../harness/every-dialect.ts';
import { call, heardBy, script, startBudgetGateway, totals, type BudgetGateway } from './budget-gateway.ts';

/** Words of each answer, each an event and about a token. */
const words = 8;

let gateway: BudgetGateway;
before(async () => void (gateway = await startBudgetGateway()));
after(() => gateway.stop());

for (const client of Object.keys(dialectClients)) {
  for (const provider of Object.keys(providers)) {
    describe(`${client} ← ${provider}`, () => {
      test('cut at every event, its client hears a whole answer of that length', async (t) => {
        const wish = { model: `${provider}/sim`, stream: true, text: script({ tokens: words }) };
        const whole = await heardBy(
          client,
          (await call(gateway, client, { wish, allowed: { first: 1e6 } })).bytes,
        );
        const lengths = new Set<number>();
        let cuts = 0;
        for (let first = 0; first <= 2 * words; first++) {
          const allowed = { first, isLate: first % 2 === 0 };
          const { bytes, receipt } = await call(gateway, client, { wish, allowed });
          const said = await heardBy(client, bytes);
          assert.ok(whole.text.startsWith(said.text), said.text);
          lengths.add(said.text.length);
          assert.equal(receipt.outcome === 'budget_cut', receipt.fault === 'budget/cut');
          if (said.text === whole.text && receipt.outcome === 'completed') continue;
          cuts++;
          const of = traits[client]!;
          assert.equal(receipt.outcome, 'budget_cut', `${first}: ${said.text}`);
          assert.equal(said.finish, of.finish[readsAs(of, 'length')]);
          const { input, output } = totals(receipt);
          if (said.usage) assert.deepEqual(said.usage, { input, output });
          assert.ok(output > first, `${output} counted of ${first}`);
        }
        // The last events are reached by an allowance that is enough for all.
        assert.ok(lengths.size >= words - 1, `${lengths.size} different lengths`);
        t.diagnostic(`figure: streams cut by a budget, at every event: ${cuts}`);
      });
    });
  }
}
