import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => void (gateway = await startTestGateway()));
after(() => gateway.stop());

const call = (model: string, headers: Record<string, string> = {}, stream = false) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model,
      stream,
      seed: 7,
      presence_penalty: 0.5,
      x_unknown: true,
      messages: [{ role: 'user', content: 'hi' }],
    }),
  });

test('what a target of another dialect cannot carry is named, streamed and whole', async () => {
  for (const stream of [false, true]) {
    const answer = await call('a/claude-sim', {}, stream);
    assert.equal(answer.status, 200, await answer.text());
    const named = answer.headers.get('x-sluice-dropped')!.split(', ').sort();
    assert.deepEqual(named, ['presence_penalty', 'seed', 'x_unknown']);
  }
});

test('it is refused when the caller is strict, and the provider is not called', async () => {
  const before = gateway.simulator.calls().length;
  const answer = await call('a/claude-sim', { 'x-sluice-strict': 'true' });
  const text = await answer.text();
  assert.equal(answer.status, 400, text);
  assert.match(text, /dialect\/not-carried/);
  assert.match(text, /seed|presence_penalty|x_unknown/);
  assert.equal(gateway.simulator.calls().length, before);
});

test('a target of the same dialect carries everything, strictly too', async () => {
  const answer = await call('o/gpt-sim', { 'x-sluice-strict': 'true' });
  assert.equal(answer.status, 200, await answer.text());
  assert.equal(answer.headers.get('x-sluice-dropped'), null);
});
