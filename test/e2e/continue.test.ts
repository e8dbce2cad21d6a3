import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => {
  const options = await everyDialect({ timeouts: { idle: '200ms', header: '500ms' } });
  const { config = {} } = options;
  const models = {
    same: { targets: ['o/one', 'o/two', 'o/three'], continue: true },
    other: { targets: ['o/one', 'a/two', 'g/three'], continue: true },
    back: { targets: ['a/one', 'o/two'], continue: true },
    responses: { targets: ['r/one', 'o/two'], continue: true },
    never: { targets: ['o/one', 'o/two'] },
  };
  gateway = await startTestGateway({ ...options, config: { ...config, models } });
});
afterEach(() => gateway.simulator.reset());
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

interface Heard {
  readonly text: string;
  readonly finish: string | null;
  readonly usage: { readonly input: number; readonly output: number } | null;
  readonly exchange: string;
}

let exchange = '';
async function noted(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const answer = await fetch(input, init);
  exchange = answer.headers.get('x-sluice-exchange') ?? '';
  return answer;
}
const openai = () =>
  new OpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: noted });
const anthropic = () => new Anthropic({ apiKey: testKey, baseURL: gateway.url, maxRetries: 0, fetch: noted });

const clients: Readonly<Record<string, (model: string, more?: object) => Promise<Heard>>> = {
  async openai(model, more = {}) {
    const stream = openai().chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'Count.' }],
      stream_options: { include_usage: true },
      max_completion_tokens: 500,
      ...more,
    });
    const { choices, usage } = await stream.finalChatCompletion();
    assert.equal(choices.length, 1);
    const { message, finish_reason: finish } = choices[0]!;
    return {
      text: message.content ?? '',
      finish,
      usage: usage ? { input: usage.prompt_tokens, output: usage.completion_tokens } : null,
      exchange,
    };
  },
  async anthropic(model, more = {}) {
    const stream = anthropic().messages.stream({
      model,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'Count.' }],
      ...more,
    });
    const { content, stop_reason: finish, usage } = await stream.finalMessage();
    // One block, as if nothing had happened.
    assert.equal(content.length, 1);
    const [block] = content;
    return {
      text: block?.type === 'text' ? block.text : '',
      finish: finish === 'end_turn' ? 'stop' : finish,
      usage: { input: usage.input_tokens, output: usage.output_tokens },
      exchange,
    };
  },
};

const words = 'one two three four five six seven eight'
  .split(' ')
  .map((word, i) => (i === 0 ? word : ` ${word}`));
const whole = words.join('');
const lost = ['resetAt', 'closeAt', 'stallAt', 'malformedAt', 'errorInStreamAt'] as const;

for (const [client, ask] of Object.entries(clients)) {
  for (const model of ['same', 'other', 'back', 'responses']) {
    describe(`${client} client, model ${model}`, () => {
      test('broken after any word, by whatever way: the whole text, once', async () => {
        for (let at = 1; at <= words.length; at++) {
          const how = lost[at % lost.length]!;
          const said = words.slice(0, at).join('');
          gateway.simulator.enqueue({ text: whole, [how]: at }, { text: whole.slice(said.length) || ' end' });
          const heard = await ask(model);
          assert.equal(heard.text, said + (whole.slice(said.length) || ' end'), `${how} ${at}`);
          assert.equal(heard.finish, 'stop');
          const { outcome, attempts } = await receiptOf(gateway, heard.exchange);
          assert.equal(outcome, 'completed');
          assert.deepEqual(
            attempts.map(({ flags }) => flags.includes('continues')),
            [false, true],
          );
          // Each is on the books with what it made; what was sent twice is paid once.
          const [first, second] = attempts.map(countsOf);
          assert.ok(first!['input']! > 0 && first!['output']! > 0);
          assert.equal(second!['input'], undefined);
          assert.ok(second!['output']! > 0);
          assert.ok(heard.usage!.output >= second!['output']! + 1);
        }
      });

      test('what the next target repeats is not said twice', async () => {
        gateway.simulator.enqueue({ text: whole, resetAt: 6 }, { text: 'four five six seven eight' });
        assert.equal((await ask(model)).text, whole);
      });
    });
  }

  test(`${client}: two failures in a row, and a target that refuses`, async () => {
    gateway.simulator.enqueue(
      { text: whole, resetAt: 3 },
      { text: ' four five six', resetAt: 2 },
      { text: ' six seven eight' },
    );
    const heard = await ask('same');
    assert.equal(heard.text, whole);
    gateway.simulator.enqueue({ text: whole, resetAt: 3 }, { status: 503 }, { text: ' four' });
    const after = await ask('other');
    assert.equal(after.text, 'one two three four');
    const { attempts } = await receiptOf(gateway, after.exchange);
    assert.deepEqual(
      attempts.map(({ status }) => status),
      [200, 503, 200],
    );
  });

  test(`${client}: where nobody can go on, the client is told`, async () => {
    gateway.simulator.enqueue({ text: whole, resetAt: 3 }, { status: 503 }, { status: 503 });
    await assert.rejects(ask('same'));
    assert.equal((await receiptOf(gateway, exchange)).outcome, 'upstream_error');
  });

  test(`${client}: a model that was not told to`, async () => {
    gateway.simulator.enqueue({ text: whole, resetAt: 3 });
    await assert.rejects(ask('never'));
    assert.equal((await receiptOf(gateway, exchange)).attempts.length, 1);
  });
}

describe('what is not gone on with', () => {
  const broken = async (more: object, script: object) => {
    gateway.simulator.enqueue({ ...script, resetAt: 3 });
    await assert.rejects(clients['openai']!('same', more));
    assert.equal((await receiptOf(gateway, exchange)).attempts.length, 1);
  };

  test('a half-made call of a tool', () =>
    broken(
      { tools: [{ type: 'function', function: { name: 'get_time', parameters: { type: 'object' } } }] },
      { tools: [{ name: 'get_time', arguments: { city: 'Bern', street: 'Marktgasse', number: '12' } }] },
    ));

  test('structured output', () =>
    broken(
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', schema: { type: 'object', properties: { city: { type: 'string' } } } },
        },
      },
      { text: '{"city": "Bern and a lot more of it"}' },
    ));

  test('several answers', () => broken({ n: 2 }, { text: whole }));
});

test('the next target is told what was said, in its own dialect, and may say less', async () => {
  gateway.simulator.enqueue({ text: whole, resetAt: 4 }, { text: ' five' });
  await clients['openai']!('other');
  const { body } = gateway.simulator.calls().at(-1)!;
  const { messages, max_tokens: most } = body as {
    messages: { role: string; content: { text: string }[] }[];
    max_tokens: number;
  };
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'assistant', 'user'],
  );
  assert.equal(messages[1]!.content[0]!.text, 'one two three four');
  assert.match(messages[2]!.content[0]!.text, /cut off/);
  assert.ok(most < 500);
});

test('a client that goes while another target goes on takes that with it', async () => {
  gateway.simulator.enqueue({ text: whole, resetAt: 2 }, { tokens: 300, paceMs: 10 });
  const stream = openai().chat.completions.stream({
    model: 'same',
    messages: [{ role: 'user', content: 'Count.' }],
  });
  await assert.rejects(async () => {
    let heard = 0;
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content && ++heard > 80) stream.abort();
    throw new Error('left');
  });
  const receipt = await receiptOf(gateway, exchange);
  assert.equal(receipt.outcome, 'client_gone');
  const call = gateway.simulator.calls().at(-1)!;
  for (const until = Date.now() + 5_000; call.finished === 'running' && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(call.finished, 'client-gone');
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_open_streams 0$/m);
});
