import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Policy } from '#core/contracts/policy.ts';
import { headerOf } from '#core/head.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';

const secret = 'what nobody may see';
const hooks = ['onHead', 'onCall'] as const;

/** Fails as the call's header says: in which hook, and how. */
function fail(hook: string, how: string | undefined): void | Promise<void> {
  if (!how?.startsWith(`${hook} `)) return;
  switch (how.slice(hook.length + 1)) {
    case 'throws':
      throw new Error(secret);
    case 'throws nothing':
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- careless code does
      throw undefined;
    case 'rejects':
      return Promise.reject(new TypeError(secret));
    case 'rejects later':
      return new Promise((_, reject) => setImmediate(() => reject(new Error(secret))));
    case 'hangs':
      return new Promise(() => {});
  }
}

const settled: string[] = [];
const policy: Policy = {
  name: 'broken',
  summary: 'fails on demand',
  deadlineMs: 100,
  onHead: ({ head }) => fail('onHead', headerOf(head.headers, 'x-fail')),
  readsBody: ({ head }) => (fail('readsBody', headerOf(head.headers, 'x-fail')), false),
  onCall: ({ head }) => fail('onCall', headerOf(head.headers, 'x-fail')),
  limits: ({ head }) => (fail('limits', headerOf(head.headers, 'x-fail')), []),
  onAnswer(exchange, _, headers) {
    fail('onAnswer', headerOf(exchange.head.headers, 'x-fail'));
    return headers;
  },
  onSettled(exchange) {
    settled.push(exchange.id);
    return fail('onSettled', headerOf(exchange.head.headers, 'x-fail'));
  },
};

let gateway: InProcessGateway;
before(async () => {
  const to = { static: { status: 200, body: 'let in' } };
  const routes = [{ name: 'all', match: { path: '/**' }, to, policies: [] }];
  gateway = await startInProcess({ log: { access: false }, routes }, policy);
});
after(() => gateway.stop());

const ask = async (how: string) => {
  const answer = await fetch(`${gateway.url}/x`, { method: 'POST', body: 'a', headers: { 'x-fail': how } });
  return { status: answer.status, text: await answer.text(), id: answer.headers.get('x-sluice-exchange')! };
};

describe('security 28: a policy that fails closes', () => {
  for (const hook of hooks)
    for (const how of ['throws', 'throws nothing', 'rejects', 'rejects later', 'hangs'])
      test(`${hook} ${how}`, async () => {
        const { status, text, id } = await ask(`${hook} ${how}`);
        assert.equal(status, 500);
        assert.match(text, /policy\/failed/);
        assert.doesNotMatch(text, /nobody may see|let in/);
        const receipt = await gateway.receiptOf(id);
        assert.equal(receipt.outcome, 'refused');
        assert.equal(receipt.attempts.length, 0);
      });

  for (const hook of ['readsBody', 'limits'])
    test(`${hook} throws`, async () => assert.equal((await ask(`${hook} throws`)).status, 500));

  test('onAnswer throws', async () => {
    const { status, text } = await ask('onAnswer throws');
    assert.equal(status, 500);
    assert.doesNotMatch(text, /nobody may see|let in/);
  });

  test('what is told of an exchange that is over takes nothing from it, and the next call is well', async () => {
    for (const how of ['onSettled throws', 'onSettled rejects', 'onSettled hangs']) {
      const { status, text } = await ask(how);
      assert.deepEqual([status, text], [200, 'let in'], how);
    }
    assert.equal((await ask('')).text, 'let in');
  });
});
