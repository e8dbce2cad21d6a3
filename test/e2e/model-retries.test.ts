/** Retries of models: the same rules as for http routes, each attempt on record and billed by what it used. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { countsOf, receiptOf, send } from '../harness/receipts.ts';

const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
});
const json = (status: number, body: string, more = '') =>
  `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\n${more}content-length: ${body.length}\r\n\r\n${body}`;
const error = JSON.stringify({ error: { message: 'no', type: 'x', code: 'x' } });

let gateway: TestGateway;
let flaky: RawUpstream;
let locked: RawUpstream;
let down: RawUpstream;

before(async () => {
  flaky = await startRawUpstream((socket, _, n) => {
    if (n % 3 === 1) socket.write(json(429, error, 'retry-after: 0\r\n'));
    else if (n % 3 === 2) socket.resetAndDestroy();
    else socket.write(json(200, answer));
  });
  locked = await startRawUpstream((socket) => void socket.write(json(401, error)));
  down = await startRawUpstream((socket) => void socket.write(json(503, error)));
  const retries = { backoff: { base: 1, max: 2 }, budget: { minPerSecond: 1000 } };
  const provider = ({ url }: RawUpstream) => ({
    dialect: 'openai-chat',
    baseUrl: `${url}/v1`,
    apiKey: 'sk-upstream',
  });
  gateway = await startTestGateway({
    config: {
      providers: { flaky: provider(flaky), locked: provider(locked), down: provider(down) },
      prices: { 'flaky/*': { input: '2', output: '8' }, 'locked/*': { input: '2', output: '8' } },
      models: {
        again: { targets: ['flaky/m'], retries },
        once: { targets: ['flaky/m'] },
        fallback: { targets: ['locked/m', 'flaky/m'], retries },
        storm: {
          targets: ['down/m'],
          retries: { ...retries, attempts: 5, budget: { ratio: 0.5, minPerSecond: 0 } },
        },
      },
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await Promise.all([flaky, locked, down].map((upstream) => upstream.close()));
});

async function ask(model: string) {
  const response = await send(gateway, { dialect: 'chat', model, script: {}, stream: false });
  await response.text();
  return {
    status: response.status,
    receipt: await receiptOf(gateway, response.headers.get('x-sluice-exchange')!),
  };
}

test('one target: a refusal, a reset and an answer are three attempts, of which the last is billed', async () => {
  const { status, receipt } = await ask('again');
  assert.deepEqual([status, receipt.outcome], [200, 'completed']);
  assert.deepEqual(
    receipt.attempts.map((each) => [each.number, each.status, countsOf(each)]),
    [
      [1, 429, {}],
      [2, 0, {}],
      [3, 200, { input: 7, output: 3 }],
    ],
  );
  // Whether the second was worked on cannot be known.
  assert.deepEqual(
    receipt.attempts.map(({ flags }) => [...flags].sort()),
    [[], ['ambiguous', 'uncertain'], []],
  );
  const cost = receipt.attempts
    .flatMap(({ lines }) => lines)
    .reduce((sum, line) => sum + BigInt(line.costNano), 0n);
  assert.equal(cost, 7n * 2000n + 3n * 8000n);
});

test('without retries a target is tried once', async () => {
  const { status, receipt } = await ask('once');
  assert.deepEqual([status, receipt.attempts.length], [429, 1]);
  await ask('once');
  await ask('once');
});

test('with them the other targets still take over, whatever the failure', async () => {
  const { status, receipt } = await ask('fallback');
  assert.deepEqual(
    receipt.attempts.map((each) => [each.provider, each.status]),
    [
      ['locked', 401],
      ['flaky', 429],
    ],
  );
  assert.equal(status, 429, 'the one that let nobody in is not asked again');
});

test('a budget bounds the attempts on a model that fails everything', async () => {
  const load = 20;
  for (let i = 0; i < load; i++) assert.equal((await ask('storm')).status, 503);
  assert.ok(down.requests.length > load && down.requests.length <= load * 1.5, String(down.requests.length));
});
