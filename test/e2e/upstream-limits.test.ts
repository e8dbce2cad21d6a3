import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { send } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const script = { tokens: 2, rateLimitRemaining: 17 };

test('an upstream’s limits reach a client of another dialect in its own words', async () => {
  const chat = await send(gateway, { dialect: 'chat', model: 'a/claude-sim', script });
  await chat.text();
  assert.equal(chat.headers.get('x-ratelimit-limit-requests'), '10000');
  assert.equal(chat.headers.get('x-ratelimit-remaining-requests'), '17');
  assert.equal(chat.headers.get('x-ratelimit-remaining-tokens'), '3400');
  assert.match(chat.headers.get('x-ratelimit-reset-tokens')!, /^(1m\d|5\d)/);
  assert.equal(chat.headers.get('anthropic-ratelimit-requests-limit'), null);

  const messages = await send(gateway, { dialect: 'messages', model: 'o/gpt-sim', script });
  await messages.text();
  assert.equal(messages.headers.get('anthropic-ratelimit-requests-limit'), '10000');
  assert.equal(messages.headers.get('anthropic-ratelimit-requests-remaining'), '17');
  const reset = Date.parse(messages.headers.get('anthropic-ratelimit-tokens-reset')!);
  assert.ok(reset > Date.now() + 30_000 && reset < Date.now() + 90_000, String(reset));
  assert.equal(messages.headers.get('x-ratelimit-limit-requests'), null);
});

for (const [client, model] of [
  ['chat', 'a/claude-sim'],
  ['chat', 'o/gpt-sim'],
  ['messages', 'o/gpt-sim'],
  ['messages', 'a/claude-sim'],
] as const)
  test(`an error of ${model} keeps its id, its delay and its limits for a client of ${client}`, async () => {
    const refusal = { status: 429, retryAfter: 7, rateLimitRemaining: 3 };
    const answer = await send(gateway, { dialect: client, model, script: refusal });
    await answer.text();
    assert.equal(answer.status, 429);
    const call = gateway.simulator.calls().at(-1)!;
    const [id, remaining] =
      client === 'chat'
        ? ['x-request-id', 'x-ratelimit-remaining-requests']
        : ['request-id', 'anthropic-ratelimit-requests-remaining'];
    assert.equal(answer.headers.get(id), `req_sim_${call.number}`);
    assert.equal(answer.headers.get(remaining), '3');
    assert.equal(answer.headers.get('retry-after'), '7');
    assert.ok(answer.headers.get('x-sluice-exchange'));
  });

test("the gateway's own refusals have its own id", async () => {
  const answer = await send(gateway, { dialect: 'chat', model: 'nobody', script: {} });
  await answer.text();
  assert.equal(answer.headers.get('x-request-id'), answer.headers.get('x-sluice-exchange'));
});
