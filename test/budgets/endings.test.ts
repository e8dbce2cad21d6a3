/** What counts as output, and how streams under an allowance wait, break and end. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { GoogleGenAI } from '../harness/google-genai.ts';
import { dialectClients } from '../harness/dialect-clients.ts';
import { allowing, call, heardBy, script, send, startBudgetGateway, totals } from './budget-gateway.ts';
import type { BudgetGateway } from './budget-gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
const { WebSocket } = createRequire(new URL('../clients/package.json', import.meta.url))('ws') as Library;

let gateway: BudgetGateway;
before(async () => {
  const models = { both: { targets: ['o/one', 'o/two'], continue: true } };
  gateway = await startBudgetGateway({ models });
});
after(() => gateway.stop());

const ask = (model: string, options: object) => ({ model, stream: true, text: script(options) });
const servedTo = (id: string) => gateway.simulator.calls().find(({ exchangeId }) => exchangeId === id)!;
const ones = (count: number) => Array.from({ length: count }, () => 1);

describe('what is output', () => {
  for (const [dialect, model] of [
    ['openai-chat', 'o/sim'],
    ['openai-chat', 'a/sim'],
    ['anthropic-messages', 'a/sim'],
    ['gemini-generate', 'g/sim'],
  ] as const)
    test(`${dialect} ← ${model}: reasoning counts`, async () => {
      const wish = ask(model, { reasoning: 40, tokens: 5 });
      const { bytes, receipt } = await call(gateway, dialect, { wish, allowed: { first: 12 } });
      assert.equal(receipt.outcome, 'budget_cut');
      const { text, reasoning } = await heardBy(dialect, bytes);
      assert.equal(text, '');
      const said = reasoning.trim().split(' ').length;
      assert.ok(said >= 5 && said <= 14, reasoning);
    });

  for (const [dialect, model] of [
    ['openai-chat', 'o/sim'],
    ['anthropic-messages', 'o/sim'],
    ['openai-responses', 'r/sim'],
    ['bedrock-converse', 'b/sim'],
    ['ollama-chat', 'a/sim'],
  ] as const)
    test(`${dialect} ← ${model}: arguments of tools count, and half of them is a call cut short`, async () => {
      const tools = [{ name: 'get_weather', arguments: { city: 'Oslo '.repeat(100) } }];
      const wish = { ...ask(model, { tools }), tools: true } as const;
      const { bytes, receipt } = await call(gateway, dialect, { wish, allowed: { first: 40 } });
      assert.equal(receipt.outcome, 'budget_cut');
      const { toolCalls } = await heardBy(dialect, bytes);
      // Where calls are told whole there is none.
      for (const { arguments: json } of toolCalls) assert.ok(json.length > 20 && json.length < 200, json);
    });

  test('of several answers, all of them', async () => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...allowing({ first: 20 }) },
      body: JSON.stringify({
        model: 'o/sim',
        stream: true,
        n: 2,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: script({ tokens: 60 }) }],
      }),
    });
    const text = await answer.text();
    const finished = [
      ...text.matchAll(/"index":(\d),"delta":\{[^}]*\},(?:"logprobs":null,)?"finish_reason":"length"/g),
    ];
    assert.deepEqual(finished.map(([, index]) => index).sort(), ['0', '1'], text.slice(-600));
    const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
    assert.equal(receipt.outcome, 'budget_cut');
    const { output } = totals(receipt);
    assert.ok(output > 20 && output <= 25, `${output}`);
  });

  test("a provider's own cumulative figure is believed", async () => {
    const usage = { mode: 'cumulative', completion: 30 };
    const wish = ask('o/sim', { tokens: 30, usage });
    const { bytes, receipt } = await call(gateway, 'openai-chat', { wish, allowed: { first: 10 } });
    assert.equal(receipt.outcome, 'budget_cut');
    const { text, usage: told } = await heardBy('openai-chat', bytes);
    assert.ok(text.trim().split(' ').length <= 12, text);
    assert.equal(told!.output, totals(receipt).output);
  });
});

describe('a stream that waits', () => {
  for (const [dialect, model] of [
    ['openai-chat', 'o/sim'],
    ['openai-chat', 'a/sim'],
    ['gemini-generate', 'g/sim'],
    ['bedrock-converse', 'b/sim'],
    ['ollama-chat', 'l/sim'],
  ] as const) {
    test(`${dialect} ← ${model}: goes on with each lease, and loses nothing`, async () => {
      const wish = ask(model, { tokens: 60 });
      const whole = await call(gateway, dialect, { wish, allowed: { first: 1e6 } });
      const allowed = { first: 1, leases: ones(400), isLate: true };
      const waited = await call(gateway, dialect, { wish, allowed });
      assert.equal(waited.receipt.outcome, 'completed');
      assert.deepEqual(await heardBy(dialect, waited.bytes), await heardBy(dialect, whole.bytes));
      assert.deepEqual(totals(waited.receipt), totals(whole.receipt));
    });

    for (const how of ['resetAt', 'closeAt', 'hangUpAt', 'malformedAt'] as const)
      test(`${dialect} ← ${model}: ${how} comes after what came before it`, async () => {
        const wish = ask(model, { tokens: 20, [how]: 15 });
        const allowed = { first: 1, leases: ones(400), isLate: true };
        const answer = await send(gateway, dialect, { wish, allowed });
        const bytes = Buffer.from(await answer.arrayBuffer());
        await assert.rejects(heardBy(dialect, bytes));
        const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
        assert.equal(receipt.outcome, 'upstream_error');
        assert.ok(totals(receipt).output > 0);
      });
  }

  test('a client that leaves meanwhile: one receipt, and the upstream is told', async () => {
    const abort = new AbortController();
    const wish = ask('o/sim', { tokens: 500, paceMs: 5 });
    const allowed = { first: 2, leases: ones(1000), isLate: true };
    const answer = await send(gateway, 'openai-chat', { wish, allowed, signal: abort.signal });
    await answer.body!.getReader().read();
    abort.abort();
    const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
    assert.equal(receipt.outcome, 'client_gone');
  });

  test('an upstream that packs its answer waits, too', async () => {
    const wish = ask('o/sim', { tokens: 200, gzip: 'always' });
    const allowed = { first: 1, leases: ones(30), isLate: true };
    const { receipt, bytes } = await call(gateway, 'openai-chat', { wish, allowed });
    assert.equal(receipt.outcome, 'budget_cut');
    const { output } = totals(receipt);
    assert.ok(output > 31 && output <= 36, `${output}`);
    assert.equal((await heardBy('openai-chat', bytes)).finish, 'length');
  });
});

test('an answer that another target goes on with is paid for as one', async () => {
  const counted = (word: string) => Array.from({ length: 60 }, () => word).join(' ');
  gateway.simulator.enqueue({ text: counted('one'), resetAt: 20 }, { text: counted('two') });
  const wish = { model: 'both', stream: true, text: 'Count.' };
  const { bytes, receipt } = await call(gateway, 'openai-chat', { wish, allowed: { first: 40, clamp: 50 } });
  assert.equal(receipt.outcome, 'budget_cut');
  const { text, finish, usage } = await heardBy('openai-chat', bytes);
  assert.equal(finish, 'length');
  assert.equal(receipt.attempts.length, 2);
  const { output } = totals(receipt);
  assert.ok(output > 40 && output <= 45, `${output}`);
  assert.equal(usage!.output, output);
  assert.ok(text.split(' ').length <= 45, text);
  // What is left of the bound, for what is left of the answer.
  const bound = (gateway.simulator.calls().at(-1)!.body as { max_completion_tokens: number })
    .max_completion_tokens;
  assert.ok(bound > 20 && bound <= 30, `${bound}`);
});

test('the upstream hears at once that no more is wanted', async () => {
  const wish = ask('o/sim', { tokens: 2000, paceMs: 5 });
  const { receipt } = await call(gateway, 'openai-chat', { wish, allowed: { first: 5 } });
  assert.equal(receipt.outcome, 'budget_cut');
  const served = servedTo(receipt.id);
  for (const until = Date.now() + 5000; served.finished === 'running' && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(served.finished, 'client-gone');
  assert.ok(served.tokensGenerated < 1000, `${served.tokensGenerated}`);
});

test('a stream of Gemini that is one array is closed', async () => {
  const client = dialectClients['gemini-generate']!;
  const wish = ask('g/sim', { tokens: 40 });
  const answer = await fetch(`${gateway.url}${client.path(wish).replace('?alt=sse', '')}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...allowing({ first: 9 }) },
    body: JSON.stringify(client.body(wish)),
  });
  const chunks = (await answer.json()) as { candidates?: { finishReason?: string }[] }[];
  assert.equal(chunks.at(-1)!.candidates?.[0]?.finishReason, 'MAX_TOKENS');
  const receipt = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
  assert.equal(receipt.outcome, 'budget_cut');
});

test("Gemini's own client, streaming, is told why it ends", async () => {
  const client = new GoogleGenAI({
    apiKey: 'k',
    httpOptions: { baseUrl: gateway.url, headers: allowing({ first: 9 }) },
  });
  const stream = await client.models.generateContentStream({
    model: 'g/sim',
    contents: script({ tokens: 40 }),
  });
  let finish: unknown;
  for await (const chunk of stream) finish = chunk.candidates?.[0]?.finishReason ?? finish;
  assert.equal(finish, 'MAX_TOKENS');
});

test('each response over a WebSocket is bounded like one that was posted', async () => {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/responses`, {
    headers: allowing({ first: 9, clamp: 30 }),
  });
  const types: string[] = [];
  const last = new Promise<{ response: { status: string; incomplete_details: unknown } }>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const event = JSON.parse(data.toString()) as { type: string; response: never };
      types.push(event.type);
      if (/response\.(completed|incomplete|failed)|error/.test(event.type)) resolve(event);
    });
  });
  socket.on('open', () =>
    socket.send(JSON.stringify({ type: 'response.create', model: 'r/sim', input: script({ tokens: 40 }) })),
  );
  const { response } = await last;
  socket.close();
  assert.equal(types.at(-1), 'response.incomplete');
  assert.deepEqual(response.incomplete_details, { reason: 'max_output_tokens' });
  const served = gateway.simulator.calls().at(-1)!;
  assert.equal((served.body as { max_output_tokens: number }).max_output_tokens, 30);
  assert.equal((await gateway.receiptOf(served.exchangeId!)).outcome, 'budget_cut');
});
