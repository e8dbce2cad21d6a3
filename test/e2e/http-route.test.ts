import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const authorization = `Bearer ${testKey}`;

test('large bodies flow both ways, with a length and without', async () => {
  const big = Buffer.alloc(4_000_000, 'abcdefghij');
  const flowing = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 40; i++) controller.enqueue(big.subarray(i * 100_000, (i + 1) * 100_000));
      controller.close();
    },
  });
  for (const body of [big, flowing]) {
    const init = { method: 'POST', duplex: 'half', body, headers: { authorization } } as RequestInit;
    const answer = await fetch(`${gateway.url}/api/mirror`, init);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(big));
  }
});

test('any method, query and status pass; a problem document says what does not', async () => {
  const answer = await fetch(`${gateway.url}/api/echo/a%20b?x=%2F&y`, {
    method: 'PATCH',
    body: 'hi',
    headers: { authorization },
  });
  const seen = (await answer.json()) as { method: string; url: string; body: string };
  assert.deepEqual([seen.method, seen.url, seen.body], ['PATCH', '/echo/a%20b?x=%2F&y', 'hi']);
  const refused = await fetch(`${gateway.url}/api/echo`);
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  const problem = (await refused.json()) as { code: string; exchange: string };
  assert.equal(problem.code, 'auth/no-credential');
  assert.equal(problem.exchange, refused.headers.get('x-sluice-exchange'));
});

test('a client that hangs up is gone upstream within a second', async () => {
  const abort = new AbortController();
  const answer = await fetch(`${gateway.url}/api/bytes/10000000?chunk=1000&delayMs=20`, {
    headers: { authorization },
    signal: abort.signal,
  });
  await answer.body!.getReader().read();
  gateway.simulator.calls();
  abort.abort();
  const until = Date.now() + 5000;
  while (
    !gateway.simulator
      .calls()
      .some((call) => call.path.startsWith('/bytes') && call.finished === 'client-gone')
  ) {
    assert.ok(Date.now() < until, 'the upstream was not told');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});
