import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

/** Chunks of content in each stream; the upstream breaks before each of them, and after the last. */
const chunks = process.env['SLUICE_LONG'] ? 12 : 4;
const breaks = ['resetAt', 'closeAt', 'hangUpAt', 'stallAt', 'malformedAt', 'errorInStreamAt'] as const;

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: { policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', requests: '100000/h' } }] },
  });
  const document = standardConfig(gateway.simulator.url);
  const providers = document['providers'] as Record<string, Record<string, unknown>>;
  for (const provider of Object.values(providers)) provider['timeouts'] = { idle: '150ms', header: '400ms' };
  gateway.rewrite({
    ...document,
    policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', requests: '100000/h' } }],
  });
  for (const until = Date.now() + 10_000; Date.now() < until; await pause(20)) {
    const status = (await (await gateway.admin('/v1/status')).json()) as {
      snapshotVersion: number;
      ready: boolean;
    };
    if (status.snapshotVersion === 2 && status.ready) return;
  }
  assert.fail('the shorter timeouts did not come into force');
});
after(() => gateway.stop());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const dialects = {
  openai: { path: '/v1/chat/completions', headers: {}, complete: /data: \[DONE\]/, error: /"error":/ },
  anthropic: {
    path: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01' },
    complete: /event: message_stop/,
    error: /event: error|"type":"error"/,
  },
} as const;

async function call(dialect: keyof typeof dialects, model: string, options: object) {
  const { path, headers } = dialects[dialect];
  const body = {
    model,
    stream: true,
    max_tokens: 100,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(options)}` }],
  };
  const answer = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json', ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, text, id: answer.headers.get('x-sluice-exchange')! };
}

interface StoredReceipt {
  readonly id: string;
  readonly outcome: string;
  readonly attempts: readonly unknown[];
}

async function receiptOf(id: string): Promise<StoredReceipt> {
  for (const until = Date.now() + 10_000; Date.now() < until; await pause(25)) {
    const answer = await gateway.admin(`/v1/receipts/${id}`);
    if (answer.ok) return (await answer.json()) as StoredReceipt;
  }
  throw new Error(`no receipt of ${id}`);
}

for (const dialect of Object.keys(dialects) as (keyof typeof dialects)[]) {
  for (const model of ['o/gpt-sim', 'a/claude-sim']) {
    describe(`${dialect} → ${model}: the upstream breaks at every chunk`, () => {
      for (const how of breaks) {
        test(how, async (t) => {
          const made = await Promise.all(
            Array.from({ length: chunks + 1 }, (_, at) =>
              call(dialect, model, { tokens: chunks, [how]: at }),
            ),
          );
          for (const [at, { status, text, id }] of made.entries()) {
            const { complete, error } = dialects[dialect];
            const isComplete = complete.test(text) && !error.test(text);
            assert.ok(
              isComplete || error.test(text),
              `${how} ${at}: neither a whole answer nor an error: ${status} ${text.slice(-300)}`,
            );
            const { outcome, attempts } = await receiptOf(id);
            assert.equal(attempts.length, 1);
            const expected = isComplete ? ['completed'] : ['upstream_error', 'timeout'];
            assert.ok(expected.includes(outcome), `${how} ${at}: ${outcome} for ${text.slice(-200)}`);
          }
          t.diagnostic(`figure: streams broken by the upstream, at every chunk: ${made.length}`);
        });
      }
    });
  }
}

test('a client that leaves after any chunk: one receipt, and the upstream is told', async () => {
  for (let at = 0; at < chunks; at++) {
    const abort = new AbortController();
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      signal: abort.signal,
      body: JSON.stringify({
        model: 'o/gpt-sim',
        stream: true,
        messages: [{ role: 'user', content: 'simulate:{"tokens":60,"paceMs":20}' }],
      }),
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    });
    const id = answer.headers.get('x-sluice-exchange')!;
    const reader = answer.body!.getReader();
    for (let i = 0; i <= at; i++) await reader.read();
    abort.abort();
    const { outcome } = await receiptOf(id);
    assert.equal(outcome, 'client_gone');
    const served = gateway.simulator.calls().find((one) => one.exchangeId === id);
    assert.equal(served?.finished, 'client-gone');
  }
});

test('afterwards nothing is left: no stream, no upstream connection in use, and the books are right', async () => {
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_open_streams 0$/m);
  assert.match(metrics, /^sluice_upstream_connections\{state="active"\} 0$/m);
  const verified = (await (await gateway.admin('/v1/ledger/verify')).json()) as {
    clean: boolean;
    findings: string[];
  };
  assert.deepEqual(verified.findings, []);
});
