import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import type {
  Response as Whole,
  ResponseInput,
} from '../clients/node_modules/openai/resources/responses/responses.mjs';
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
    apiKey,
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    async fetch(input: string | URL | Request, init?: RequestInit) {
      const answer = await fetch(input, init);
      exchange = answer.headers.get('x-sluice-exchange') ?? '';
      return answer;
    },
  });

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function' as const,
  name,
  description: `${name} of a city`,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  strict: false,
}));
const callsOf = ({ output }: Whole) =>
  output.flatMap((item) =>
    item.type === 'function_call' ? [[item.name, JSON.parse(item.arguments) as unknown]] : [],
  );
interface Echo {
  system: string[];
  images: number;
  maxTokens: number;
  turns: { role: string; parts: { type: string; text?: string; signed?: boolean }[] }[];
  sampling: Record<string, unknown>;
}

for (const model of ['r/gpt-sim', 'o/gpt-sim', 'a/claude-sim', 'l/llama-sim']) {
  describe(`openai SDK, responses → ${model}`, () => {
    test('text, whole, with its usage on the receipt', async () => {
      const answer = await client.responses.create({
        model,
        input: script({ text: 'Hello there, friend.' }),
      });
      assert.equal(answer.output_text, 'Hello there, friend.');
      assert.equal(answer.status, 'completed');
      assert.equal(answer.usage!.output_tokens, 3);
      const receipt = await receiptOf(gateway, exchange);
      assert.equal(receipt.outcome, 'completed');
      const { input_tokens: input } = answer.usage!;
      assert.deepEqual(countsOf(receipt.attempts.at(-1)!), { input, output: 3 });
    });

    test('text and reasoning, streamed, with usage in the last event', async () => {
      const run = client.responses.stream({
        model,
        input: script({ tokens: 12, reasoning: 'Let me see.' }),
      });
      let reasoning = '';
      run.on('response.reasoning_summary_text.delta', ({ delta }) => (reasoning += delta));
      const final = await run.finalResponse();
      assert.equal(final.output_text.trim().split(/\s+/).length, 12);
      assert.equal(reasoning, 'Let me see.');
      assert.equal(final.usage!.output_tokens, 15);
      const { attempts, outcome } = await receiptOf(gateway, exchange);
      assert.equal(outcome, 'completed');
      const written = attempts.at(-1)!.lines.filter(({ line }) => line.direction === 'output');
      assert.equal(
        written.reduce((sum, { line }) => sum + line.count, 0),
        15,
      );
    });

    test('parallel tool calls, streamed and whole, and their results', async () => {
      const input = script({
        tools: [
          { name: 'get_weather', arguments: { city: 'Bern' } },
          { name: 'get_time', arguments: { city: 'Köln' } },
        ],
      });
      const expected = [
        ['get_weather', { city: 'Bern' }],
        ['get_time', { city: 'Köln' }],
      ];
      const whole = await client.responses.create({ model, tools, input });
      assert.deepEqual(callsOf(whole), expected);
      const streamed = await client.responses.stream({ model, tools, input }).finalResponse();
      assert.deepEqual(callsOf(streamed), expected);
      const ids = streamed.output.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []));
      const history: ResponseInput = [
        { role: 'user', content: 'What is it like?' },
        ...(streamed.output as ResponseInput),
        { type: 'function_call_output', call_id: ids[0]!, output: 'rain' },
        { type: 'function_call_output', call_id: ids[1]!, output: [{ type: 'input_text', text: 'noon' }] },
        { role: 'user', content: script({ echo: true }) },
      ];
      const after = await client.responses.create({ model, tools, input: history });
      const { turns } = JSON.parse(after.output_text) as Echo;
      const results = turns.flatMap(({ parts }) => parts).filter(({ type }) => type === 'tool-result');
      assert.deepEqual(
        results.map(({ text }) => text),
        ['rain', 'noon'],
      );
    });

    test('settings, pictures and structured output reach the model', async () => {
      const seen = await client.responses.create({
        model,
        instructions: 'Be brief.',
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: script({ echo: true }) },
              { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' },
            ],
          },
        ],
        max_output_tokens: 77,
        temperature: 0.5,
      });
      const echo = JSON.parse(seen.output_text) as Echo;
      assert.deepEqual([echo.system, echo.maxTokens, echo.images], [['Be brief.'], 77, 1]);
      assert.equal(echo.sampling['temperature'], 0.5);
      const schema = {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        additionalProperties: false,
      };
      const answer = await client.responses.create({
        model,
        input: 'Name one.',
        text: { format: { type: 'json_schema', name: 'one', schema, strict: true } },
      });
      assert.equal(typeof (JSON.parse(answer.output_text) as { name: unknown }).name, 'string');
    });

    test('an answer that is cut at its limit is incomplete, and says why', async () => {
      const input = script({ tokens: 40 });
      const whole = await client.responses.create({ model, input, max_output_tokens: 20 });
      const streamed = await client.responses.stream({ model, input, max_output_tokens: 20 }).finalResponse();
      for (const { status, incomplete_details: details, usage } of [whole, streamed]) {
        assert.equal(status, 'incomplete');
        assert.equal(details?.reason, 'max_output_tokens');
        assert.equal(usage!.output_tokens, 20);
      }
    });

    test("errors raise the SDK's own classes", async () => {
      const failing = (options: object) => client.responses.create({ model, input: script(options) });
      await assert.rejects(failing({ status: 400 }), OpenAI.BadRequestError);
      await assert.rejects(failing({ status: 429 }), OpenAI.RateLimitError);
      await assert.rejects(failing({ status: 500 }), OpenAI.InternalServerError);
      const nowhere = client.responses.create({ model: 'nowhere', input: 'x' });
      await assert.rejects(nowhere, OpenAI.NotFoundError);
      const stranger = clientOf('wrong').responses.create({ model, input: 'x' });
      await assert.rejects(stranger, OpenAI.AuthenticationError);
    });

    test('an error in the stream is raised', async () => {
      let text = '';
      const input = script({ tokens: 10, errorInStreamAt: 4, paceMs: 5 });
      const run = client.responses.stream({ model, input });
      run.on('response.output_text.delta', ({ delta }) => (text += delta));
      await assert.rejects(run.finalResponse(), /error|overloaded/i);
      assert.ok(text.length > 0);
    });

    test('an abort reaches the upstream, and is on the books', async () => {
      gateway.simulator.reset();
      const stream = await client.responses.create({
        model,
        stream: true,
        input: script({ tokens: 400, paceMs: 20 }),
      });
      const id = exchange;
      for await (const event of stream) if (event.type === 'response.output_text.delta') break;
      const receipt = await receiptOf(gateway, id);
      assert.equal(receipt.outcome, 'client_gone');
      assert.equal(gateway.simulator.calls().length, 1);
    });
  });
}

test('reasoning goes back to the provider that made it, through its state', async () => {
  for (const model of ['r/gpt-sim', 'a/claude-sim']) {
    const first = await client.responses.create({
      model,
      tools,
      reasoning: { effort: 'high' },
      input: script({ reasoning: 'Let me see.', tools: [{ name: 'get_time', arguments: { city: 'Bern' } }] }),
    });
    const call = first.output.find((item) => item.type === 'function_call')!;
    const after = await client.responses.create({
      model,
      tools,
      reasoning: { effort: 'high' },
      input: [
        { role: 'user', content: 'What time is it?' },
        ...(first.output as ResponseInput),
        { type: 'function_call_output', call_id: call.call_id, output: 'noon' },
        { role: 'user', content: script({ echo: true }) },
      ],
    });
    const { turns } = JSON.parse(after.output_text) as Echo;
    const thoughts = turns.flatMap(({ parts }) => parts).filter(({ type }) => type === 'thinking');
    assert.deepEqual(thoughts, [{ type: 'thinking', text: 'Let me see.', signed: true }], model);
  }
});

test('what is cached and searched is on the receipt', async () => {
  const usage = { prompt: 500, completion: 7, cached: 448, searches: 2 };
  await client.responses.create({ model: 'r/gpt-sim', input: script({ text: 'Yes.', usage }) });
  const last = (await receiptOf(gateway, exchange)).attempts.at(-1)!;
  assert.deepEqual(
    last.lines.map(({ line }) => [line.direction, line.cache, line.count]),
    [
      ['input', 'none', 52],
      ['input', 'read', 448],
      ['output', 'none', 7],
    ],
  );
  assert.deepEqual(
    last.units?.map(({ unit, count }) => [unit, count]),
    [['searches', 2]],
  );
});

test('unknown fields and events pass to a provider of the same dialect, and back', async () => {
  const send = (body: object) =>
    fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'r/gpt-sim',
        input: script({ text: 'x', unknownFields: true }),
        ...body,
      }),
    });
  gateway.simulator.reset();
  const stream = await (await send({ stream: true, client_metadata: { a: 1 } })).text();
  assert.match(stream, /event: response\.sim_unknown\n/);
  assert.match(stream, /"sim_unknown":\{"nested":\[1\]\}/);
  const [call] = gateway.simulator.calls();
  assert.deepEqual((call!.body as Record<string, unknown>)['client_metadata'], { a: 1 });
});

test('what is kept at the provider is refused where nobody can say whose it is', async () => {
  const refused: object[] = [
    { previous_response_id: 'resp_1' },
    { conversation: 'conv_1' },
    { prompt: { id: 'pmpt_1' } },
    { input: [{ type: 'item_reference', id: 'msg_1' }] },
    { input: [{ id: 'msg_1' }] },
    { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] },
    { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }] },
    { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] },
    { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] },
  ];
  gateway.simulator.reset();
  for (const fields of refused) {
    const body = { model: 'r/gpt-sim', input: 'x', ...fields };
    await assert.rejects(
      client.responses.create(body as never),
      (error) => error instanceof OpenAI.APIError && error.status! >= 400 && error.status! < 500,
      JSON.stringify(fields),
    );
  }
  assert.equal(gateway.simulator.calls().length, 0);
});
