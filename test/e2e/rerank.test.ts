import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CohereClient, CohereClientV2, CohereError } from '../clients/node_modules/cohere-ai/index.js';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let exchange = '';
before(async () => {
  const options = await everyDialect();
  const config = options.config as { providers: object; prices: object };
  gateway = await startTestGateway({
    ...options,
    config: {
      ...config,
      providers: {
        ...config.providers,
        // A server of one's own that speaks like OpenAI, with its rerank beside.
        own: { dialect: 'openai-chat', baseUrl: `${options.simulator!.url}/local/v1`, apiKey: 'sk-own' },
      },
      prices: {
        ...config.prices,
        'c/*': { input: '2', output: '8', units: { searches: '0.002' } },
        'own/*': { input: '2', output: '8' },
      },
    },
  });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

async function noted(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(input, init);
  exchange = answer.headers.get('x-sluice-exchange') ?? '';
  return answer;
}
const settings = () => ({ token: testKey, environment: gateway.url, maxRetries: 0, fetch: noted });

const query = 'river to the sea';
const documents = ['a mountain', 'the river', 'the river runs to the sea'];

for (const model of ['c/rerank-sim', 'own/rerank-sim']) {
  describe(`rerank of ${model}`, () => {
    test('cohere SDK, second version', async () => {
      const { results } = await new CohereClientV2(settings()).rerank({ model, query, documents, topN: 2 });
      assert.deepEqual(
        results.map(({ index }) => index),
        [2, 1],
      );
      assert.ok(results[0]!.relevanceScore > results[1]!.relevanceScore);
      const { attempts, outcome } = await receiptOf(gateway, exchange);
      assert.equal(outcome, 'completed');
      // Each bills in its own coin.
      if (model.startsWith('c/'))
        assert.deepEqual(attempts[0]!.units, [{ unit: 'searches', count: 1, costNano: '2000000' }]);
      else assert.deepEqual(countsOf(attempts[0]!), { input: 14 });
    });

    test('cohere SDK, first version, with the documents given back', async () => {
      const { results } = await new CohereClient(settings()).rerank({
        model,
        query,
        documents: documents.map((text) => ({ text })),
        returnDocuments: model.startsWith('own/'),
      });
      assert.equal(results.length, 3);
      if (model.startsWith('own/')) assert.equal(results[0]!.document?.text, documents[2]);
    });
  });
}

test("as servers of one's own are asked", async () => {
  for (const [path, model] of [
    ['/v1/rerank', 'own/rerank-sim'],
    ['/v1/rerank', 'c/rerank-sim'],
    ['/rerank', 'c/rerank-sim'],
  ]) {
    const answer = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}` },
      body: JSON.stringify({ model, query, documents, top_n: 1 }),
    });
    const { results } = (await answer.json()) as { results: { index: number }[] };
    assert.deepEqual(
      results.map(({ index }) => index),
      [2],
    );
  }
});

test('errors are of the client library', async () => {
  const client = new CohereClientV2(settings());
  await assert.rejects(
    client.rerank({ model: 'own/r', query, documents: [1] as unknown as string[] }),
    Error,
  );
  gateway.simulator.enqueue({ status: 429 });
  await assert.rejects(client.rerank({ model: 'own/r', query, documents }), (error) => {
    assert.ok(error instanceof CohereError);
    assert.equal(error.statusCode, 429);
    return true;
  });
  await assert.rejects(client.rerank({ model: 'a/claude-sim', query, documents }), (error) => {
    assert.ok(error instanceof CohereError);
    assert.equal(error.statusCode, 501);
    assert.match(error.message, /do rerank/);
    return true;
  });
});
