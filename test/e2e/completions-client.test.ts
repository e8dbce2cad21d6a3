import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let client: OpenAI;
/** Of the last answer. */
let exchange = '';
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = clientOf(testKey);
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const clientOf = (apiKey: string) =>
  new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;

for (const model of ['t/instruct-sim', 'o/gpt-sim', 'a/claude-sim', 'l/llama-sim', 'c/command-sim']) {
  describe(`openai SDK, completions → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.completions.create({
        model,
        prompt: script({ text: 'Hello there, friend.' }),
      });
      assert.equal(answer.object, 'text_completion');
      assert.equal(answer.choices[0]!.text, 'Hello there, friend.');
      assert.equal(answer.choices[0]!.finish_reason, 'stop');
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), {
        input: answer.usage!.prompt_tokens,
        output: 3,
      });
    });

    test('text, streamed, with and without usage; sixteen tokens where nothing is said', async () => {
      for (const include of [false, true]) {
        const stream = await client.completions.create({
          model,
          stream: true,
          prompt: script({ tokens: 20 }),
          ...(include ? { max_tokens: 12, stream_options: { include_usage: true } } : {}),
        });
        let text = '';
        let usage = 0;
        let finish: string | null = null;
        for await (const chunk of stream) {
          text += chunk.choices[0]?.text ?? '';
          finish = chunk.choices[0]?.finish_reason ?? finish;
          if (chunk.usage) usage++;
        }
        assert.equal(text.trim().split(/\s+/).length, include ? 12 : 16);
        assert.equal(finish, 'length');
        assert.equal(usage, include ? 1 : 0);
        const receipt = await receiptOf(gateway, exchange);
        assert.equal(countsOf(receipt.attempts.at(-1)!)['output'], include ? 12 : 16);
      }
    });

    test("errors raise the SDK's own classes, in the stream as well", async () => {
      const failing = (status: number) => client.completions.create({ model, prompt: script({ status }) });
      await assert.rejects(failing(400), BadRequestError);
      await assert.rejects(failing(429), RateLimitError);
      await assert.rejects(failing(500), InternalServerError);
      await assert.rejects(client.completions.create({ model: 'nowhere', prompt: 'x' }), NotFoundError);
      await assert.rejects(clientOf('wrong').completions.create({ model, prompt: 'x' }), AuthenticationError);
      const stream = await client.completions.create({
        model,
        stream: true,
        prompt: script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 }),
      });
      let text = '';
      await assert.rejects(async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';
      }, OpenAI.APIError);
      assert.ok(text.length > 0);
    });

    test('an abort is on the books', async () => {
      const stream = await client.completions.create({
        model,
        stream: true,
        max_tokens: 500,
        prompt: script({ tokens: 400, paceMs: 20 }),
      });
      const id = exchange;
      for await (const chunk of stream) if (chunk.choices[0]?.text) break;
      assert.equal((await receiptOf(gateway, id)).outcome, 'client_gone');
    });
  });
}

test('several prompts are answered within the dialect, and refused beyond it', async () => {
  const prompt = ['One.', 'Two.'];
  const answer = await client.completions.create({ model: 't/instruct-sim', prompt });
  assert.deepEqual(
    answer.choices.map(({ index }) => index),
    [0, 1],
  );
  await assert.rejects(
    client.completions.create({ model: 'o/gpt-sim', prompt }),
    (error: unknown) => error instanceof BadRequestError && /several prompts/.test(error.message),
  );
});

test('what there is no word for elsewhere is named', async () => {
  const { response } = await client.completions
    .create({ model: 'o/gpt-sim', prompt: 'x', suffix: 'y', best_of: 3, echo: false })
    .withResponse();
  assert.deepEqual(response.headers.get('x-sluice-dropped')?.split(', ').sort(), ['best_of', 'suffix']);
});

test('a chat is written down for a target that takes a text', async () => {
  const { data, response } = await client.chat.completions
    .create({
      model: 't/instruct-sim',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello.' },
      ],
    })
    .withResponse();
  assert.ok(data.choices[0]!.message.content!.length > 0);
  assert.equal(response.headers.get('x-sluice-dropped'), 'messages');
  const [call] = gateway.simulator.calls().slice(-1);
  assert.equal((call!.body as { prompt: string }).prompt, 'System: Be brief.\n\nUser: Hello.\n\nAssistant:');
});
