import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: { models: { fast: { targets: ['o/gpt-first', 'a/claude-second', 'o/gpt-third'] } } },
  });
});
after(() => gateway.stop());
beforeEach(() => gateway.simulator.reset());

async function ask(stream: boolean) {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fast', stream, messages: [{ role: 'user', content: 'hi' }] }),
  });
  const exchange = answer.headers.get('x-sluice-exchange')!;
  return { status: answer.status, text: await answer.text(), exchange };
}
const models = () => gateway.simulator.calls().map((call) => call.model);

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole';
  test(`${how}: the next target takes over, in another dialect, and the client sees one good answer`, async () => {
    gateway.simulator.enqueue({ status: 503 });
    const { status, text } = await ask(stream);
    assert.equal(status, 200, text);
    assert.deepEqual(models(), ['gpt-first', 'claude-second']);
    assert.doesNotMatch(text, /error/);
    if (stream) assert.ok(text.trimEnd().endsWith('data: [DONE]'), text);
  });

  test(`${how}: a connection that breaks before anything of an answer came is no end either`, async () => {
    gateway.simulator.enqueue({ hangUpAt: 0 }, { status: 500 });
    const { status, text } = await ask(stream);
    assert.equal(status, 200, text);
    assert.deepEqual(models(), ['gpt-first', 'claude-second', 'gpt-third']);
  });

  test(`${how}: when all fail, the client is told of the last`, async () => {
    gateway.simulator.enqueue({ status: 503 }, { status: 500 }, { status: 503 });
    const { status, text } = await ask(stream);
    assert.ok(status >= 500 && /error/.test(text), `${status} ${text}`);
    assert.equal(models().length, 3);
  });

  test(`${how}: what the client did wrong is wrong everywhere`, async () => {
    gateway.simulator.enqueue({ status: 400 });
    assert.equal((await ask(stream)).status, 400);
    assert.deepEqual(models(), ['gpt-first']);
  });
}

test('once something was delivered no other target is asked: the stream ends with an error', async () => {
  gateway.simulator.enqueue({ tokens: 10, resetAt: 5, paceMs: 2 });
  const { text } = await ask(true);
  assert.match(text, /"delta"/);
  assert.match(text, /"error":/);
  assert.deepEqual(models(), ['gpt-first']);
});

test('a fallback is priced by the model that served; the attempt before it used nothing', async () => {
  gateway.simulator.enqueue({ status: 503 });
  const { exchange } = await ask(false);
  const { attempts } = await receiptOf(gateway, exchange);
  assert.deepEqual(
    attempts.map(({ provider, model, status }) => [provider, model, status]),
    [
      ['o', 'gpt-first', 503],
      ['a', 'claude-second', 200],
    ],
  );
  const [first, second] = attempts;
  assert.deepEqual(first!.lines, []);
  const { input, output } = countsOf(second!) as { input: number; output: number };
  const cost = second!.lines.reduce((sum, { costNano }) => sum + Number(costNano), 0);
  // 3 and 15 dollars for a million, not the 2 and 8 of the model that was to answer.
  assert.ok(input > 0 && output > 0);
  assert.equal(cost, input * 3000 + output * 15_000);
});
