/** Limits of every sort and subject, through a whole gateway: who is refused, what it is told, what the next one gets. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf, send, settled, type Ask } from '../harness/receipts.ts';

async function withLimits(
  policies: readonly object[],
  run: (gateway: TestGateway) => Promise<void>,
  more: Record<string, unknown> = {},
): Promise<void> {
  const gateway = await startTestGateway({
    config: { policies: [{ 'key-auth': {} }, ...policies], ...more },
  });
  try {
    await run(gateway);
  } finally {
    await gateway.stop();
  }
}

const short: Ask = {
  dialect: 'chat',
  model: 'o/gpt-sim',
  script: { tokens: 3 },
  stream: false,
  body: { max_tokens: 3 },
};

async function statusOf(gateway: TestGateway, ask: Ask = short): Promise<number> {
  const answer = await send(gateway, ask);
  await answer.arrayBuffer();
  return answer.status;
}

describe('a refusal is one that official SDKs know', () => {
  const expected = { status: 429, retries: 'false' };

  test('openai', async () => {
    await withLimits([{ 'rate-limit': { by: 'key', requests: '1/h' } }], async (gateway) => {
      const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey });
      const ask = () =>
        client.chat.completions.create({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'hi' }] });
      await ask();
      // The SDK retries by itself, unless it is told that it is of no use.
      const before = gateway.simulator.calls().length;
      await assert.rejects(ask(), (thrown: unknown) => {
        assert.ok(thrown instanceof OpenAI.RateLimitError);
        assert.equal(thrown.status, expected.status);
        assert.equal(thrown.headers?.get('x-should-retry'), expected.retries);
        assert.equal(thrown.headers?.get('x-ratelimit-remaining-requests'), '0');
        assert.equal(thrown.headers?.get('x-ratelimit-limit-requests'), '1');
        return true;
      });
      assert.equal(gateway.simulator.calls().length, before);
    });
  });

  test('anthropic', async () => {
    await withLimits([{ 'rate-limit': { by: 'key', requests: '1/h' } }], async (gateway) => {
      const client = new Anthropic({ baseURL: gateway.url, apiKey: testKey });
      const ask = () =>
        client.messages.create({
          model: 'a/claude-sim',
          max_tokens: 5,
          messages: [{ role: 'user', content: 'hi' }],
        });
      await ask();
      await assert.rejects(ask(), (thrown: unknown) => {
        assert.ok(thrown instanceof Anthropic.RateLimitError);
        assert.equal(thrown.headers?.get('x-should-retry'), expected.retries);
        return true;
      });
    });
  });

  test('of a budget of money that is used up: an API error of status 402', async () => {
    const budget = { by: 'key', money: '0.0001 per month', hard: true };
    await withLimits([{ budget }], async (gateway) => {
      const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey });
      const messages = [{ role: 'user' as const, content: 'hi' }];
      await assert.rejects(
        openai.chat.completions.create({ model: 'o/gpt-sim', messages, max_tokens: 5000 }),
        (thrown: unknown) => {
          assert.ok(thrown instanceof OpenAI.APIError);
          assert.equal(thrown.status, 402);
          assert.ok(thrown.headers?.get('x-credits-remaining'));
          return true;
        },
      );
      const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: testKey });
      await assert.rejects(
        anthropic.messages.create({ model: 'a/claude-sim', messages, max_tokens: 5000 }),
        (thrown: unknown) => thrown instanceof Anthropic.APIError && thrown.status === 402,
      );
      assert.equal(gateway.simulator.calls().length, 0);
    });
  });
});

test('all limits of a route are one reservation: what one refuses, the others do not count', async () => {
  const policies = [
    { 'rate-limit': { by: 'project', requests: '4/h' } },
    { 'rate-limit': { by: 'key', model: 'o/gpt-small', requests: '1/h' } },
    { 'concurrency-limit': { by: 'team', max: 5 } },
  ];
  await withLimits(policies, async (gateway) => {
    const small = { ...short, model: 'o/gpt-small' };
    assert.equal(await statusOf(gateway, small), 200);
    for (let i = 0; i < 5; i++) assert.equal(await statusOf(gateway, small), 429);
    for (let i = 0; i < 3; i++) assert.equal(await statusOf(gateway), 200);
    const last = await send(gateway, short);
    assert.equal(last.status, 429);
    assert.match(
      last.headers.get('ratelimit-policy')!,
      /^"rate-limit\/0\/requests\/h";q=4;w=3600, "concurrency-limit\/\d\/at-once";q=5;qu="concurrent-requests"$/,
    );
    assert.match(last.headers.get('ratelimit')!, /^"rate-limit\/0\/requests\/h";r=0;t=\d+, .*;r=5$/);
  });
});

test('a burst passes at once, and then one call after the other', async () => {
  await withLimits([{ 'rate-limit': { by: 'key', requests: '1/h burst 3' } }], async (gateway) => {
    for (let i = 0; i < 3; i++) assert.equal(await statusOf(gateway), 200);
    const refused = await send(gateway, short);
    assert.equal(refused.status, 429);
    const wait = Number(refused.headers.get('retry-after'));
    assert.ok(wait > 3500 && wait <= 3600, `${wait} s`);
  });
});

test('input, output and all tokens are each limited by themselves', async () => {
  const big: Ask = { ...short, script: { tokens: 80 }, body: { max_tokens: 80 } };
  for (const limit of [
    { outputTokens: '100 per day' },
    { tokens: '110 per day' },
    { money: '0.001 per day' },
  ])
    await withLimits([{ 'rate-limit': { by: 'key', ...limit } }], async (gateway) => {
      assert.equal(await statusOf(gateway, big), 200);
      assert.equal(await statusOf(gateway, big), 429, JSON.stringify(limit));
    });
  await withLimits(
    [{ 'rate-limit': { by: 'key', inputTokens: '120/h', outputTokens: '1000/h' } }],
    async (gateway) => {
      const wordy = { ...short, body: { max_tokens: 3, user: 'x'.repeat(120) } };
      assert.equal(await statusOf(gateway, wordy), 200);
      assert.equal(
        await statusOf(gateway, { ...wordy, body: { ...wordy.body, user: 'x'.repeat(1000) } }),
        429,
      );
    },
  );
});

describe('by provider', () => {
  const models = { any: { targets: ['o/gpt-sim', 'a/claude-sim'] } };
  const any = { ...short, model: 'any' };

  test('what the first may not take goes to the next; when none may, the caller is told', async () => {
    await withLimits(
      [{ 'rate-limit': { by: 'provider', requests: '2/h' } }],
      async (gateway) => {
        const providers = [];
        for (let i = 0; i < 4; i++) {
          const { receipt, last } = await settled(gateway, any);
          providers.push(last.provider);
          assert.equal(receipt.attempts.length, 1, 'one that was not asked is no attempt');
        }
        assert.deepEqual(providers, ['o', 'o', 'a', 'a']);
        const refused = await send(gateway, any);
        assert.equal(refused.status, 429);
        assert.match(await refused.text(), /provider/);
      },
      { models },
    );
  });

  test('tokens are those of the attempts at it; a place is free again when one fails unheard', async () => {
    const policies = [
      { 'rate-limit': { by: 'provider', tokens: '40/h' } },
      { 'concurrency-limit': { by: 'provider', max: 1 } },
    ];
    await withLimits(
      policies,
      async (gateway) => {
        const twelve = { ...any, script: { tokens: 20 }, body: { max_tokens: 20 } };
        const providers = [];
        for (let i = 0; i < 2; i++) providers.push((await settled(gateway, twelve)).last.provider);
        assert.deepEqual(providers, ['o', 'a']);
      },
      { models },
    );
  });
});

test('what a concurrency limit holds is given back by whatever ends the call', async () => {
  await withLimits([{ 'concurrency-limit': { by: 'key', max: 1 } }], async (gateway) => {
    const leave = new AbortController();
    const open = await send(gateway, {
      ...short,
      stream: true,
      script: { tokens: 9, stallAt: 2 },
      signal: leave.signal,
    });
    assert.equal(open.status, 200);
    const refused = await send(gateway, short);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('retry-after'), '1');
    leave.abort();
    await receiptOf(gateway, open.headers.get('x-sluice-exchange')!);
    assert.equal(await statusOf(gateway), 200);
    assert.equal(await statusOf(gateway, { ...short, script: { status: 500 } }), 500);
    assert.equal(await statusOf(gateway), 200);
  });
});
