import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => {
  const route = (name: string, settings: object) => ({
    name,
    match: { path: `/${name}/v1/**` },
    stripPrefix: `/${name}`,
    to: { llm: {} },
    policies: [{ 'key-auth': {} }, { idempotency: settings }],
  });
  gateway = await startTestGateway({
    config: {
      routes: [
        route('ends', {}),
        route('waits', { wait: '2min' }),
        route('completes', { complete: true }),
        route('hurries', { complete: true, completeWithin: '300ms' }),
        route('small', { complete: true, maxBytes: '2KiB' }),
      ],
    },
  });
});
after(() => gateway.stop());

function call(route: string, key: string, model: string, options: { signal?: AbortSignal; script?: object }) {
  const { script = { tokens: 60, paceMs: 25 }, signal } = options;
  return fetch(`${gateway.url}/${route}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      model: `o/${model}`,
      stream: true,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
    }),
    headers: {
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    ...(signal ? { signal } : {}),
  });
}

/** Reads the beginning of a stream and hangs up. Returns the exchange's id. */
async function hangUp(route: string, key: string, model: string, script?: object): Promise<string> {
  const abort = new AbortController();
  const answer = await call(route, key, model, { signal: abort.signal, ...(script ? { script } : {}) });
  await answer.body!.getReader().read();
  abort.abort();
  return answer.headers.get('x-sluice-exchange')!;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const callsOf = (model: string) => gateway.simulator.calls().filter((one) => one.model === model).length;
const isReplay = (answer: Response) => answer.headers.get('idempotency-replayed') === 'true';

test('a hang-up ends the call, and the key is free', async () => {
  const key = randomUUID();
  const receipt = await receiptOf(gateway, await hangUp('ends', key, 'ends'));
  assert.equal(receipt.outcome, 'client_gone');
  const again = await call('ends', key, 'ends', {});
  assert.ok(!isReplay(again));
  assert.match(await again.text(), /\[DONE\]/);
  assert.equal(callsOf('ends'), 2);
});

test('with `complete` the answer is made to its end, charged once, and given to who comes again', async () => {
  const key = randomUUID();
  const first = await hangUp('completes', key, 'completes');
  const running = await call('completes', key, 'completes', {});
  assert.equal(running.status, 409);
  const receipt = (await receiptOf(gateway, first)) as unknown as {
    outcome: string;
    flags: string[];
    attempts: { usageSource: string }[];
  };
  assert.deepEqual([receipt.outcome, receipt.flags], ['completed', ['unheard']]);
  assert.equal(receipt.attempts[0]!.usageSource, 'provider');
  const again = await call('completes', key, 'completes', {});
  assert.ok(isReplay(again));
  assert.equal((await again.text()).match(/"content"/g)!.length >= 60, true);
  assert.equal(callsOf('completes'), 1);
});

test('but no longer, and no more of it, than is allowed', async () => {
  for (const [route, script] of [
    ['hurries', { tokens: 400, paceMs: 25 }],
    ['small', { tokens: 400, paceMs: 5 }],
  ] as const) {
    const key = randomUUID();
    const receipt = await receiptOf(gateway, await hangUp(route, key, route, script));
    assert.equal(receipt.outcome, 'client_gone', route);
    const again = await call(route, key, route, { script: { tokens: 3 } });
    // Of another body, so that a key still held would be told.
    assert.equal(again.status, 200, route);
    await again.text();
  }
});

test('who waits for an equal call and hangs up leaves nothing behind', async () => {
  const key = randomUUID();
  const running = call('waits', key, 'waits', { script: { tokens: 3, latencyMs: 3000 } });
  const abort = new AbortController();
  const hasLeft = async () =>
    /^sluice_requests_total\{route="waits".*outcome="client_gone".*\} 1$/m.test(
      await (await gateway.admin('/metrics')).text(),
    );
  for (const until = Date.now() + 30_000; callsOf('waits') === 0; await pause(20))
    assert.ok(Date.now() < until, 'it was not made');
  const waiting = call('waits', key, 'waits', {
    script: { tokens: 3, latencyMs: 3000 },
    signal: abort.signal,
  }).catch(() => null);
  setTimeout(() => abort.abort(), 500);
  assert.equal(await waiting, null);
  for (const until = Date.now() + 30_000; !(await hasLeft()); await pause(50))
    assert.ok(Date.now() < until, 'it still waits');
  await (await running).text();
  const again = await call('waits', key, 'waits', { script: { tokens: 3, latencyMs: 3000 } });
  assert.ok(isReplay(again));
  assert.equal(callsOf('waits'), 1);
});
