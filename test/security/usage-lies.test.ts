import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { receiptOf, send, type DialectName } from '../harness/receipts.ts';

/** More than is expected of a call that nothing is known of, less than the answers below take. */
const tokensOfHour = 2_000;
const answerTokens = 2_400;
const models: Record<DialectName, string> = { chat: 'o/gpt-sim', messages: 'a/claude-sim' };

async function started(t: TestContext): Promise<TestGateway> {
  const policies = [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', tokens: `${tokensOfHour}/h` } }];
  const gateway = await startTestGateway({ config: { policies } });
  t.after(() => gateway.stop());
  return gateway;
}

describe('security 52: what a client says it will use is not what it is held to', () => {
  const lies: Record<string, readonly [DialectName, object]> = {
    'max_tokens absent': ['chat', { max_tokens: undefined }],
    'max_tokens huge': ['chat', { max_tokens: 10_000_000 }],
    'max_tokens huge, in messages': ['messages', { max_tokens: 10_000_000 }],
    'include_usage false': ['chat', { max_tokens: undefined, stream_options: { include_usage: false } }],
  };
  for (const [what, [dialect, body]] of Object.entries(lies))
    for (const stream of dialect === 'chat' && 'stream_options' in body ? [true] : [true, false]) {
      test(`${what}, ${stream ? 'streamed' : 'whole'}: all that was used is booked, and the next call refused`, async (t) => {
        const gateway = await started(t);
        const ask = { dialect, model: models[dialect], script: { tokens: answerTokens }, stream, body };
        const answer = await send(gateway, ask);
        assert.equal(answer.status, 200);
        const text = await answer.text();
        if ('stream_options' in body) assert.doesNotMatch(text, /"usage":\s*\{/);
        const { attempts } = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
        const [output] = attempts[0]!.lines.filter(({ line }) => line.direction === 'output');
        assert.equal(output!.line.count, answerTokens);
        assert.equal(attempts[0]!.usageSource, 'provider');
        const next = await send(gateway, { ...ask, script: { tokens: 1 }, body: { max_tokens: 1 } });
        assert.equal(next.status, 429, await next.text());
      });
    }

  test('n: 100 is reserved a hundred times, and the provider is not asked', async (t) => {
    const gateway = await started(t);
    const ask = { dialect: 'chat', model: models.chat, script: { tokens: 1 } } as const;
    assert.equal((await send(gateway, { ...ask, body: { n: 2, max_tokens: 100 } })).status, 200);
    const { status } = await send(gateway, { ...ask, body: { n: 100, max_tokens: 100 } });
    assert.equal(status, 429);
    assert.equal(gateway.simulator.calls().length, 1);
  });

  for (const [dialect, body] of [
    ['chat', { max_tokens: -1 }],
    ['chat', { max_completion_tokens: -1 }],
    ['chat', { n: -1 }],
    ['chat', { n: 2 ** 60 }],
    ['messages', { max_tokens: -1 }],
    ['messages', { max_tokens: undefined }],
    ['messages', { max_tokens: 0.5 }],
  ] as const)
    test(`${dialect} ${JSON.stringify(body)} gets no answer that is not counted`, async (t) => {
      const gateway = await started(t);
      const { status } = await send(gateway, {
        dialect,
        model: models[dialect],
        script: { tokens: 1 },
        body,
      });
      assert.ok(status >= 400 && status < 500, String(status));
      assert.equal(gateway.simulator.calls().filter(({ status: served }) => served === 200).length, 0);
    });
});
