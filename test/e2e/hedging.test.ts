/** Hedging: another target is asked beside one that is slow; the first head wins, and everybody is on the receipt. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { okAnswer, startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let silent: RawUpstream;
let quick: RawUpstream;
let failing: RawUpstream;
let tiring: RawUpstream;
const hungUp: (() => void)[] = [];

before(async () => {
  silent = await startRawUpstream((socket) => {
    socket.on('close', () => hungUp.shift()?.());
  });
  quick = await startRawUpstream((socket, { body }) => void socket.write(okAnswer(`quick ${body}`)));
  failing = await startRawUpstream(
    (socket) => void socket.write('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'),
  );
  // Answers until enough is known of it, and no more.
  tiring = await startRawUpstream((socket, _, n) => {
    if (n <= 15) socket.write(okAnswer('tiring'));
  });
  const route = (name: string, targets: object[], to: object) => ({
    route: { name, match: { path: `/${name}/**` }, policies: [], to: { upstream: name, ...to } },
    group: { targets },
  });
  const first = (upstream: RawUpstream) => ({ url: upstream.url, priority: 0 });
  const both = [first(silent), first(quick)];
  const all = [
    route('hedged', both, { hedge: { after: '50ms' }, retries: { budget: { minPerSecond: 100 } } }),
    route('p95', [first(tiring), first(quick)], {
      hedge: { after: 'p95' },
      retries: { budget: { minPerSecond: 100 } },
    }),
    route('unpaid', both, {
      hedge: { after: '20ms' },
      retries: { attempts: 2, on: [], perTryTimeout: '300ms', budget: { ratio: 0, minPerSecond: 0 } },
    }),
    route('fails', [first(silent), first(failing)], {
      hedge: { after: '20ms' },
      retries: { attempts: 2, perTryTimeout: '200ms', budget: { minPerSecond: 100 } },
    }),
  ];
  gateway = await startTestGateway({
    config: {
      upstreams: Object.fromEntries(all.map(({ route: { name }, group }) => [name, group])),
      routes: all.map((each) => each.route),
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await Promise.all([silent, quick, failing, tiring].map((upstream) => upstream.close()));
});

async function ask(path: string, init: RequestInit = {}) {
  const answer = await fetch(`${gateway.url}${path}`, init);
  const text = await answer.text();
  const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
  return { status: answer.status, text, receipt, headers: answer.headers };
}

test('the quick one answers, the slow one is cancelled, and both are on the receipt', async () => {
  let hedged = 0;
  for (let i = 0; i < 4; i++) {
    const asked = silent.requests.length;
    const cancelled = new Promise<void>((resolve) => hungUp.push(resolve));
    const { status, text, receipt } = await ask('/hedged/x', { method: 'PUT', body: 'body' });
    assert.deepEqual([status, text], [200, 'quick body']);
    assert.deepEqual([receipt.outcome, receipt.status], ['completed', 200]);
    if (silent.requests.length === asked) {
      assert.equal(receipt.attempts.length, 1);
      hungUp.length = 0;
      continue;
    }
    hedged++;
    await cancelled;
    assert.deepEqual(
      receipt.attempts.map(({ number, status: each, flags, fault }) => [number, each, flags, fault]),
      [
        [1, 0, ['cancelled'], null],
        [2, 200, ['hedge'], null],
      ],
    );
  }
  assert.ok(hedged >= 1);
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, new RegExp(`^sluice_hedges_total ${hedged}$`, 'm'));
});

test('p95: who is slower than nearly all answers before is hedged, once enough are known', async () => {
  let hedged = 0;
  for (let i = 0; i < 40; i++) {
    const answer = await fetch(`${gateway.url}/p95/x`);
    assert.equal(answer.status, 200);
    await answer.text();
    if (answer.headers.get('x-sluice-attempts') === '2') hedged++;
  }
  assert.ok(tiring.requests.length > 15 && hedged >= tiring.requests.length - 15, String(hedged));
});

test('a POST is not hedged: it ends with the slow one’s own end', async () => {
  const socketsBefore = quick.requests.length;
  let unanswered = 0;
  for (let i = 0; i < 2; i++) {
    const signal = AbortSignal.timeout(400);
    const init = { method: 'POST', body: 'x', signal };
    const answer = await fetch(`${gateway.url}/hedged/x`, init).catch(() => null);
    if (!answer) unanswered++;
    else await answer.text();
  }
  assert.equal(unanswered, 1);
  assert.equal(quick.requests.length - socketsBefore, 1);
});

test('a hedge is paid from the budget: there is none without', async () => {
  for (let i = 0; i < 2; i++) {
    const { receipt } = await ask('/unpaid/x');
    assert.equal(receipt.attempts.length, 1);
    assert.ok([200, 504].includes(receipt.status), String(receipt.status));
  }
});

test('when both fail the client gets one failure, and two attempts stand on the receipt', async () => {
  for (let i = 0; i < 2; i++) {
    const { status, receipt } = await ask('/fails/x');
    assert.ok([503, 504].includes(status), String(status));
    assert.equal(receipt.attempts.length, 2);
    assert.ok(receipt.attempts.some((attempt) => attempt.status === 503));
    assert.ok(receipt.attempts.some((attempt) => attempt.fault === 'upstream/header-timeout'));
  }
});
