/** Clients that hide, deny or overstate what a call will use. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import { askedMeanwhile, auth, framed, pathOf, rawRequest, statusesIn } from '../harness/route-kinds.ts';

const limit = 600;
/** Each has the limit for itself. */
const secretOf = (name: string) => `sk-test-${name}-0123456789`;
const hungry = {
  'says nothing of a maximum': { max_tokens: undefined },
  'asks for ten million': { max_tokens: 10_000_000 },
  'asks for a hundred answers': { n: 100, max_tokens: 1000 },
};
const names = Object.keys(hungry).map((_, i) => `hungry${i}`);

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', tokens: `${limit}/h` } }],
      keys: Object.fromEntries(
        [...names, 'tester', 'liar'].map((name) => [name, { project: 'web', secret: secretOf(name) }]),
      ),
    },
  });
});
after(() => gateway.stop());

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' };

function ask(name: string, body: object, path = paths.openai): Promise<Response> {
  const script = 'simulate:{"tokens":7}';
  return fetch(gateway.url + path, {
    method: 'POST',
    body: JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: script }], ...body }),
    headers: { authorization: `Bearer ${secretOf(name)}`, 'content-type': 'application/json' },
  });
}

describe('security 52: a client that lies about what it will use', () => {
  const figures = ['-1', '1.5', '"9"', '1e400', '-0.1', '[]', '{}', 'true', '1e16'];
  const fields = { openai: ['max_tokens', 'max_completion_tokens', 'n'], anthropic: ['max_tokens'] } as const;
  for (const [dialect, path] of Object.entries(paths))
    for (const field of fields[dialect as keyof typeof fields])
      for (const figure of figures)
        test(`${field} of ${figure} is 400, and reaches nobody (llm, ${dialect})`, async () => {
          const body = `{"model":"o/gpt-sim","messages":[{"role":"user","content":"x"}],"${field}":${figure}}`;
          const credential = [`Authorization: Bearer ${secretOf('tester')}`];
          const { result, calls } = await askedMeanwhile(gateway, () =>
            sendRaw(gateway.port, rawRequest('llm', { target: path, body, credential })),
          );
          assert.deepEqual(statusesIn(result.text), ['400'], result.text);
          assert.equal(calls.length, 0);
        });

  for (const [i, [what, more]] of Object.entries(hungry).entries())
    test(`one that ${what} holds what such calls may take until it is known what it took (llm)`, async () => {
      const leave = new AbortController();
      const open = await fetch(gateway.url + paths.openai, {
        method: 'POST',
        signal: leave.signal,
        body: JSON.stringify({
          // One of which nothing is known yet.
          model: `o/${names[i]}`,
          stream: true,
          messages: [{ role: 'user', content: 'simulate:{"tokens":9,"stallAt":2}' }],
          ...more,
        }),
        headers: { authorization: `Bearer ${secretOf(names[i]!)}`, 'content-type': 'application/json' },
      });
      assert.equal(open.status, 200);
      const second = await ask(names[i]!, { max_tokens: 9 });
      assert.equal(second.status, 429, await second.text());
      assert.ok(Number(second.headers.get('retry-after')) > 0);
      leave.abort();
      await receiptOf(gateway, open.headers.get('x-sluice-exchange')!);
      const third = await ask(names[i]!, { max_tokens: 9 });
      assert.equal(third.status, 200, await third.text());
    });

  test('one that says more than calls did before is debited while it says it (llm)', async () => {
    // A few short answers: the next is expected to be short, too.
    for (let i = 0; i < 3; i++) assert.equal((await ask('liar', { max_tokens: 9 })).status, 200);
    const leave = new AbortController();
    const open = await fetch(gateway.url + paths.openai, {
      method: 'POST',
      signal: leave.signal,
      body: JSON.stringify({
        model: 'o/gpt-sim',
        stream: true,
        messages: [{ role: 'user', content: `simulate:{"tokens":${2 * limit},"stallAt":${limit + 50}}` }],
      }),
      headers: { authorization: `Bearer ${secretOf('liar')}`, 'content-type': 'application/json' },
    });
    const reader = open.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ''; (text.match(/"content":/g)?.length ?? 0) <= limit;) {
      const { value, done } = await reader.read();
      assert.ok(!done, 'the stream ended');
      text += value;
    }
    const second = await ask('liar', { max_tokens: 9 });
    assert.equal(second.status, 429, await second.text());
    leave.abort();
  });

  for (const stream_options of [undefined, null, { include_usage: false }, { include_usage: true }])
    test(`usage is counted with stream_options ${JSON.stringify(stream_options)}; it sees only what it asked for (llm)`, async () => {
      const answer = await ask('tester', { stream: true, stream_options, max_tokens: 50 });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.equal(/"usage":\s*\{/.test(text), stream_options?.include_usage === true);
      const { attempts } = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
      assert.equal(attempts[0]!.usageSource, 'provider');
      const output = attempts[0]!.lines.find(({ line }) => line.direction === 'output');
      assert.equal(output!.line.count, 7);
    });

  test('on an http route nothing is reserved for words that nobody reads (http)', async () => {
    const body = '{"model":"o/gpt-sim","max_tokens":10000000,"n":-1}';
    const credential = [auth.replace(/Bearer .*/, `Bearer ${secretOf('tester')}`)];
    const fields = [`Content-Length: ${body.length}`, ...framed('http').slice(1)];
    const { text } = await sendRaw(
      gateway.port,
      rawRequest('http', { target: pathOf('http'), body, credential, fields }),
    );
    assert.deepEqual(statusesIn(text), ['200'], text);
  });
});
