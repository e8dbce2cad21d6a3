import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { dialectClients, sendWish } from '../harness/dialect-clients.ts';
import { everyDialect, providers } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

/** Chunks of content in each stream; the upstream breaks before each of them, and after the last. */
const chunks = process.env['SLUICE_LONG'] ? 12 : 4;
const breaks = ['resetAt', 'closeAt', 'hangUpAt', 'stallAt', 'malformedAt', 'errorInStreamAt'] as const;

let gateway: TestGateway;
before(async () => {
  const options = await everyDialect({ timeouts: { idle: '150ms', header: '400ms' } });
  const policies = [{ 'key-auth': { query: 'key' } }, { 'rate-limit': { by: 'key', requests: '100000/h' } }];
  gateway = await startTestGateway({ ...options, config: { ...options.config, policies } });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a client of the dialect sees at the end of a whole stream, and of one that was given up. */
const endings: Readonly<Record<string, { readonly complete: RegExp; readonly error: RegExp }>> = {
  'openai-chat': { complete: /data: \[DONE\]/, error: /"error":/ },
  'openai-completions': { complete: /data: \[DONE\]/, error: /"error":/ },
  'openai-responses': { complete: /event: response\.completed/, error: /event: error|"error":\{/ },
  'anthropic-messages': { complete: /event: message_stop/, error: /event: error|"type":"error"/ },
  'gemini-generate': { complete: /"finishReason":/, error: /"error":/ },
  'cohere-chat': { complete: /"finish_reason":"COMPLETE"/, error: /"finish_reason":"ERROR"|"sluice":/ },
  'ollama-chat': { complete: /"done":true/, error: /"error":/ },
  'bedrock-converse': { complete: /:event-type\W+metadata/, error: /:exception-type|"sluice":/ },
};

async function call(dialect: string, model: string, options: object) {
  const wish = { model, stream: true, maxTokens: 100, text: `simulate:${JSON.stringify(options)}` };
  const answer = await sendWish({ url: gateway.url, key: testKey }, dialect, { wish });
  const text = Buffer.from(await answer.arrayBuffer()).toString('latin1');
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

/** The pairs of the dialects most spoken at every chunk; of all others some, which change from way to way. */
const hubs = ['o', 'a'];
const isOften = (dialect: string, provider: string) =>
  process.env['SLUICE_LONG'] !== undefined ||
  (hubs.includes(provider) && /openai-chat|anthropic/.test(dialect));

for (const [index, dialect] of Object.keys(dialectClients).entries()) {
  for (const [place, provider] of Object.keys(providers).entries()) {
    const often = isOften(dialect, provider);
    const ways = often ? breaks : [breaks[(index + place) % breaks.length]!];
    describe(`${dialect} → ${provider}: the upstream breaks${often ? ' at every chunk' : ''}`, () => {
      for (const how of ways) {
        test(how, async (t) => {
          const places = often
            ? Array.from({ length: chunks + 1 }, (_, at) => at)
            : [0, 1 + ((index + place) % chunks)];
          const made = await Promise.all(
            places.map((at) => call(dialect, `${provider}/sim`, { tokens: chunks, [how]: at })),
          );
          for (const [i, { status, text, id }] of made.entries()) {
            const { complete, error } = endings[dialect]!;
            const isComplete = complete.test(text) && !error.test(text);
            const at = `${how} ${places[i]}`;
            assert.ok(
              isComplete || error.test(text),
              `${at}: neither a whole answer nor an error: ${status} ${text.slice(-300)}`,
            );
            const { outcome, attempts } = await receiptOf(id);
            assert.equal(attempts.length, 1);
            const expected = isComplete ? ['completed'] : ['upstream_error', 'timeout'];
            assert.ok(expected.includes(outcome), `${at}: ${outcome} for ${text.slice(-200)}`);
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
