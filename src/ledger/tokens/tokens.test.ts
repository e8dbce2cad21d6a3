import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { estimateTokens, type TokenCounter } from '#core/contracts/token-counter.ts';
import { connectTokenCounter, type CounterLimits } from './connect-token-counter.ts';
import { countText } from './count-text.ts';
import { openTokenService, type TokenService, type TokenServiceOptions } from './token-service.ts';

/** Patient on a slow machine: what a deadline does has a test of its own. */
const patient = { deadlineMs: 60_000 };

function connect(
  context: TestContext,
  limits: CounterLimits = patient,
  options: TokenServiceOptions = { stuckMs: 60_000 },
): { counter: TokenCounter; service: TokenService } {
  const service = openTokenService(options);
  context.after(() => service.close());
  return { counter: connectTokenCounter(service.openPort(), limits), service };
}

test('counts as the vocabulary has it, and control tokens in a text are text', async (context) => {
  const { counter, service } = connect(context);
  assert.equal(service.isCounting(), false);
  const { tokens, counted } = await counter.count(['hello world', '', '<|endoftext|>']);
  assert.equal(counted, true);
  assert.deepEqual(tokens.slice(0, 2), [2, 0]);
  assert.ok(tokens[2]! > 1);
  assert.equal(service.isCounting(), true);
});

test('long runs are cut without losing or much inflating their tokens', () => {
  const words = 'The quick brown fox jumps over the lazy dog. '.repeat(20);
  assert.equal(countText(words), 20 * 10 + 1);
  // 8 letters a token when counted in one piece.
  const letters = countText('a'.repeat(4_096));
  assert.ok(letters >= 512 && letters <= 512 + 2 * 32, `${letters}`);
  const emoji = countText('😀'.repeat(300));
  assert.ok(emoji >= 300 && emoji <= 300 * 2, `${emoji}`);
});

test('hostile runs of every sort are counted', async (context) => {
  const { counter } = connect(context);
  const hostile = ['a', ' ', '-', '\n', '中', '😀', '\ud800'].map((one) => one.repeat(8_192));
  const { tokens, counted } = await counter.count(hostile);
  assert.equal(counted, true);
  assert.ok(tokens.every((count) => count > 0));
});

test('too long, too much at once, or nobody there: estimated, and said so', async (context) => {
  const limits = { ...patient, longestText: 100, longestQueue: 150 };
  const { counter, service } = connect(context, limits);
  const estimated = { tokens: [estimateTokens(303)], counted: false };
  assert.deepEqual(await counter.count(['中'.repeat(101)]), estimated);
  const [first, second] = await Promise.all([
    counter.count(['a '.repeat(50)]),
    counter.count(['a '.repeat(50)]),
  ]);
  assert.equal(first!.counted, true);
  assert.deepEqual(second, { tokens: [25], counted: false });
  const cut = counter.count(['abc']);
  await service.close();
  assert.deepEqual(await cut, { tokens: [1], counted: false });
});

test('a count that does not come in time is estimated', async (context) => {
  // A service without a thread behind it would be the same: nothing answers within a millisecond of its start.
  const { counter } = connect(context, { deadlineMs: 1 });
  assert.deepEqual(await counter.count(['abcdefgh']), { tokens: [2], counted: false });
});

test('a thread that is stuck is ended, and who waits for it estimates', async (context) => {
  const { counter, service } = connect(context, patient, { stuckMs: 1 });
  assert.deepEqual(await counter.count(['abcdefgh']), { tokens: [2], counted: false });
  assert.equal(service.isCounting(), false);
});

test('the thread ends when idle, and comes back', async (context) => {
  const { counter, service } = connect(context, patient, { idleMs: 20, stuckMs: 60_000 });
  for (const round of [1, 2]) {
    assert.equal((await counter.count(['hello'])).counted, true, `round ${round}`);
    while (service.isCounting()) await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test('other threads of the process share it', async (context) => {
  const { service } = connect(context);
  const module = new URL('./connect-token-counter.ts', import.meta.url).href;
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { connectTokenCounter } = await import(${JSON.stringify(module)});
    const counter = connectTokenCounter(workerData, { deadlineMs: 60_000 });
    parentPort.postMessage(await counter.count(['hello world']));`;
  const port = service.openPort();
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const worker = new Worker(url, { workerData: port, transferList: [port] });
  const [answer] = (await once(worker, 'message')) as [unknown];
  assert.deepEqual(answer, { tokens: [2], counted: true });
});
