import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, describe, test, type TestContext } from 'node:test';
import { testKey } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { startPolicyGateway, until, type PolicyGateway } from './policy-gateway.ts';

/** Goes wrong in the way and the place that the request's headers name: `x-fail: sync onHead`. */
const failing = (name: string, isolated: boolean) => `
import { definePolicy, Type } from 'sluice/policy';

async function fail(call, hook) {
  const [how, where] = (call.request.header('x-${name}') ?? '').split(' ');
  if (where !== hook) return;
  if (how === 'async') { await null; throw new Error('asynchronously'); }
  if (how === 'never') await new Promise(() => {});
  if (how === 'late') { await new Promise((resolve) => setTimeout(resolve, 600)); call.respond(299, {}, 'too late'); }
  if (how === 'stray') void Promise.reject(new Error('let go'));
  if (how === 'words') void Promise.reject('no error at all');
  if (how === 'timer') setTimeout(() => { throw new Error('in a timer'); }, 1);
  if (how === 'exit') process.exit(3);
}
function sync(call, hook) {
  const [how, where] = (call.request.header('x-${name}') ?? '').split(' ');
  if (where !== hook) return;
  if (how === 'sync') throw new TypeError('synchronously');
  if (how === 'loop') for (;;);
}

export default definePolicy({
  name: '${name}',
  schema: Type.Object({}),
  timeoutMs: 300,
  isolated: ${isolated},
  ${isolated ? '' : "reads: ['events'], writes: ['answer', 'events'],"}
  onHead(call) { sync(call, 'onHead'); return fail(call, 'onHead'); },
  onCall(call) { sync(call, 'onCall'); return fail(call, 'onCall'); },
  onSettled(receipt, call) { sync(call, 'onSettled'); return fail(call, 'onSettled'); },
  ${
    isolated
      ? ''
      : `limits(call) { sync(call, 'limits'); return []; },
  onAnswer(call) { sync(call, 'onAnswer'); void fail(call, 'onAnswer'); },
  onEvent(event, call) {
    if (event.type === 'text' && event.text.includes('here')) { sync(call, 'onEvent'); void fail(call, 'onEvent'); }
  },
  onEnd(call) { sync(call, 'onEnd'); },`
  }
});
`;

let gateway: PolicyGateway;
before(async () => {
  gateway = await startPolicyGateway({
    threads: 2,
    files: { 'fails.ts': failing('fails', false), 'apart.ts': failing('apart', true) },
    policies: [{ fails: {} }, { apart: {} }],
  });
});
after(() => gateway.stop());

const key = { authorization: `Bearer ${testKey}` };
const api = (headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/api/echo/x`, {
    headers: { ...key, ...headers },
    signal: AbortSignal.timeout(60_000),
  });
const chat = (headers: Record<string, string>, script: object, stream = true) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...key, 'content-type': 'application/json', ...headers },
    signal: AbortSignal.timeout(60_000),
    body: JSON.stringify({
      model: 'o/gpt-sim',
      stream,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
    }),
  });
const threads = async () => {
  const { workers } = (await (await gateway.admin('/v1/status')).json()) as {
    workers: { incarnation: string }[];
  };
  return workers.map(({ incarnation }) => incarnation).sort();
};

/** Calls that have nothing to do with it, until told to stop, or the test is over: how many there were that failed. */
function traffic(context: TestContext) {
  let on = true;
  context.after(() => void (on = false));
  let made = 0;
  const failed: string[] = [];
  const callers = [0, 1, 2].map(async (i) => {
    while (on) {
      try {
        const answer = i === 0 ? await chat({}, { tokens: 4 }) : await api();
        const text = await answer.text();
        if (answer.status !== 200 || (i === 0 && !text.includes('[DONE]')))
          failed.push(`${answer.status} ${text}`);
      } catch (error) {
        failed.push(String(error));
      }
      made++;
    }
  });
  return async () => {
    on = false;
    await Promise.all(callers);
    assert.ok(made > 0);
    assert.deepEqual(failed, []);
  };
}

describe('security 48: a policy that fails: its exchange alone fails, closed', () => {
  for (const policy of ['fails', 'apart']) {
    const closed =
      policy === 'fails'
        ? [
            'sync onHead',
            'sync onCall',
            'sync limits',
            'sync onAnswer',
            'async onHead',
            'async onCall',
            'never onHead',
            'late onCall',
          ]
        : ['sync onHead', 'async onCall', 'never onHead', 'late onCall', 'loop onHead', 'exit onCall'];
    test(`${policy}, before the answer: ${closed.join(', ')}`, async (t) => {
      const end = traffic(t);
      const before = await threads();
      const failures = await gateway.failures(policy);
      const ids: string[] = [];
      for (const [i, how] of closed.entries()) {
        const wish = { [`x-${policy}`]: how };
        const answer = await (i % 2 === 0 ? api(wish) : chat(wish, { tokens: 3 }));
        const text = await answer.text();
        assert.equal(answer.status, 500, `${how}: ${text}`);
        assert.match(text, /policy\/failed/);
        assert.match(text, new RegExp(`The policy .{0,2}"${policy}.{0,2}" failed`));
        assert.ok(!/synchronously/.test(text), 'what it said stays inside');
        ids.push(answer.headers.get('x-sluice-exchange')!);
      }
      // The ledger yields to traffic: it is asked when there is none.
      await end();
      for (const id of ids) {
        const { fault, outcome } = await receiptOf(gateway, id);
        assert.deepEqual([fault, outcome], ['policy/failed', 'refused']);
      }
      assert.deepEqual(await threads(), before, 'no thread of traffic was lost');
      assert.ok((await gateway.failures(policy)) >= failures + closed.length);
    });
  }

  test('in the middle of a stream: the client is told in its own words, and it is on record', async () => {
    for (const how of ['sync onEvent', 'sync onEnd']) {
      const streamed = await chat({ 'x-fails': how }, { text: 'goes well up to here and on' });
      const text = await streamed.text();
      assert.equal(streamed.status, 200);
      assert.match(text, /"code":"policy\/failed"/);
      assert.ok(!text.includes('[DONE]') || how === 'sync onEnd');
      const { fault } = await receiptOf(gateway, streamed.headers.get('x-sluice-exchange')!);
      assert.equal(fault, 'policy/failed');
      // Of a whole answer nothing has gone out yet.
      const whole = await chat({ 'x-fails': how }, { text: 'goes well up to here and on' }, false);
      assert.equal(whole.status, 500);
      assert.match(await whole.text(), /policy\/failed/);
    }
  });

  test('after the answer, or where nobody waits for it: nothing comes of it, and it is counted as its own', async (t) => {
    const end = traffic(t);
    const before = await threads();
    const ways = [
      'sync onSettled',
      'async onSettled',
      'never onSettled',
      ...['stray', 'words', 'timer'].flatMap((how) =>
        ['onHead', 'onCall', 'onAnswer', 'onSettled'].map((at) => `${how} ${at}`),
      ),
    ];
    const failures = await gateway.failures('fails');
    for (const how of ways) {
      const answer = await api({ 'x-fails': how });
      await answer.text();
      assert.equal(answer.status, 200, how);
    }
    await until('all were counted', async () => (await gateway.failures('fails')) >= failures + ways.length);
    await end();
    assert.deepEqual(await threads(), before, 'no thread of traffic was lost');
  });
});

test('security 48: one that loops: a watchdog ends its worker, the others serve on, and its exchanges are settled', async () => {
  const before = await threads();
  // Connections stay with the worker that took them: enough of them, and each has some.
  const agents = Array.from({ length: 12 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const ask = (agent: Agent, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; id: string }>((resolve, reject) => {
      const asked = request(
        `${gateway.url}/api/echo/x`,
        { agent, headers: { ...key, ...headers } },
        (answer) => {
          answer
            .resume()
            .on('end', () =>
              resolve({ status: answer.statusCode!, id: String(answer.headers['x-sluice-exchange']) }),
            );
        },
      );
      asked.on('error', reject).end();
    });
  await Promise.all(agents.map((agent) => ask(agent)));
  // A stream that is under way when its worker is ended: it is on the looping one, or not.
  const streams = await Promise.all(Array.from({ length: 16 }, () => chat({}, { tokens: 6, paceMs: 500 })));
  const ids = streams.map((answer) => answer.headers.get('x-sluice-exchange')!);
  const looped = ask(agents[0]!, { 'x-fails': 'loop onCall' }).then(
    () => 'answered',
    () => 'cut off',
  );
  const others = agents.slice(1).map((agent) =>
    ask(agent).then(
      ({ status }) => status,
      () => 0,
    ),
  );
  const first = await Promise.race([Promise.any(others), looped]);
  assert.equal(first, 200, 'another worker has answered while the one loops');
  assert.equal(await looped, 'cut off');
  await until('a new worker has taken over', async () => {
    const now = await threads();
    return now.length === 2 && now.join() !== before.join();
  });
  const kept = (await threads()).filter((incarnation) => before.includes(incarnation));
  assert.equal(kept.length, 1, 'the other worker is the one it was');
  const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await api()).status));
  assert.deepEqual([...new Set(statuses)], [200]);
  const endings = await Promise.allSettled(streams.map((answer) => answer.text()));
  for (const [i, ending] of endings.entries()) {
    const { outcome } = await receiptOf(gateway, ids[i]!);
    assert.equal(outcome, ending.status === 'fulfilled' ? 'completed' : 'gateway_crash');
  }
  assert.ok(
    endings.some(({ status }) => status === 'rejected') &&
      endings.some(({ status }) => status === 'fulfilled'),
  );
  for (const agent of agents) agent.destroy();
});
