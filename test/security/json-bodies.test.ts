import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: { policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', tokens: '5000/h' } }] },
  });
});
after(() => gateway.stop());

interface Refusal {
  readonly error?: { readonly message: string; readonly code?: string; readonly param?: string | null };
}

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' };

async function post(path: string, body: string | Buffer) {
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    body,
    headers: {
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
  });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text) as Refusal & Record<string, unknown> };
}

const callsOf = (mark: string) =>
  gateway.simulator.calls().filter(({ body }) => JSON.stringify(body)?.includes(mark));

describe('security 62: a key that the gateway acts upon, given twice', () => {
  const doubles = [
    '"model":"o/gpt-sim","model":"o/forbidden"',
    '"model":"o/gpt-sim","mod\\u0065l":"o/forbidden"',
    '"model":"o/gpt-sim","max_tokens":1,"max_tokens":100000',
    '"model":"o/gpt-sim","stream":false,"stream":true',
    '"messages":[],"model":"o/gpt-sim"',
  ];
  for (const [name, path] of Object.entries(paths))
    for (const double of doubles) {
      test(`${double} (${name})`, async () => {
        const messages = '"messages":[{"role":"user","content":"twice"}]';
        const { status, text } = await post(path, `{${double},${messages}}`);
        assert.equal(status, 400);
        assert.match(text, /twice/);
        assert.equal(callsOf('twice').length, 0);
      });
    }
});

test('security 62: on an http route nothing is interpreted, and a body is passed on byte for byte', async () => {
  const body = '{"model":"a","model":"b","\\u006dodel":"c"}';
  const answer = await fetch(`${gateway.url}/open/echo/twice`, { method: 'POST', body });
  assert.equal(((await answer.json()) as { body: string }).body, body);
});

describe('security 20: names that objects of JavaScript have', () => {
  test('pass as data, and change nothing', async () => {
    const body =
      '{"model":"o/gpt-sim","messages":[{"role":"user","content":"simulate:{\\"tokens\\":2} proto"}],"__proto__":{"stream":true,"admin":1},' +
      '"constructor":{"prototype":{"admin":1}},"metadata":{"0":"a","__proto__":"b"}}';
    const { status, json } = await post(paths.openai, body);
    assert.equal(status, 200);
    assert.equal(json['object'], 'chat.completion');
    assert.equal(({} as Record<string, unknown>)['admin'], undefined);
    const again = await post(paths.anthropic, body.replace('"model"', '"max_tokens":9,"model"'));
    assert.equal(again.status, 200);
  });

  test('are no models, keys, routes or query parameters', async () => {
    for (const model of ['__proto__', 'constructor', 'toString', '0']) {
      const { status } = await post(
        paths.openai,
        JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }] }),
      );
      assert.equal(status, 404, model);
    }
    const answer = await fetch(`${gateway.url}/open/echo/a?__proto__=1&constructor=2`, {
      headers: { constructor: 'x', __proto__x: 'y' },
    });
    assert.equal(answer.status, 200);
    assert.equal(((await answer.json()) as { url: string }).url, '/echo/a?__proto__=1&constructor=2');
  });
});

describe('bodies that are no calls are refused with a reason, and reach nobody', () => {
  const bodies: Record<string, string | Buffer> = {
    'nothing at all': '',
    'not JSON': '{"model":',
    'a list': '[]',
    'JSON after JSON': '{"model":"o/gpt-sim","messages":[]}{}',
    'no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'a model that is a number': '{"model":1,"messages":[]}',
    'messages that are a text': '{"model":"a/claude-sim","messages":"hi"}',
    'a hundred thousand brackets': '['.repeat(100_000),
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(what, async () => {
      const before = gateway.simulator.calls().length;
      const { status, json } = await post(paths.openai, body);
      assert.equal(status, 400, JSON.stringify(json));
      assert.ok(json.error!.message.length > 10);
      assert.equal(gateway.simulator.calls().length, before);
    });
  }

  test('a call of objects a hundred thousand deep is relayed or refused, and the gateway lives', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    const messages = '"messages":[{"role":"user","content":"x"}]';
    for (const path of Object.values(paths))
      await post(path, `{"model":"o/gpt-sim","max_tokens":5,${messages},"metadata":${deep}}`).catch(
        () => null,
      );
    const { status } = await post(
      paths.openai,
      JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }] }),
    );
    assert.equal(status, 200);
  });
});

describe('security 52: a client that lies about what it will use', () => {
  const ask = (more: object) =>
    JSON.stringify({ model: 'o/gpt-sim', messages: [{ role: 'user', content: 'x' }], ...more });

  for (const more of [{ max_tokens: -1 }, { max_tokens: 1.5 }, { max_tokens: '9' }, { n: -3 }]) {
    test(`${JSON.stringify(more)} is refused`, async () => {
      assert.equal((await post(paths.openai, ask(more))).status, 400);
    });
  }

  test('a number beyond all measure is refused', async () => {
    assert.equal((await post(paths.openai, ask({}).replace('{', '{"n":1e400,'))).status, 400);
  });

  test('what it leaves out, or asks for a hundred times, is reserved for, so the limit is not passed', async () => {
    const { status, text } = await post(paths.openai, ask({ n: 100, max_tokens: 1000 }));
    assert.equal(status, 429, text);
    const huge = await post(paths.openai, ask({ max_tokens: 10_000_000 }));
    assert.ok([200, 429].includes(huge.status));
  });

  test('usage is counted whether it asks for usage or not, and it sees only what it asked for', async () => {
    const content = 'simulate:{"tokens":7}';
    for (const stream_options of [undefined, { include_usage: false }, { include_usage: true }]) {
      const asked = { stream: true, stream_options, messages: [{ role: 'user', content }], max_tokens: 50 };
      const answer = await fetch(gateway.url + paths.openai, {
        method: 'POST',
        body: ask(asked),
        headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.equal(/"usage":\s*\{/.test(text), stream_options?.include_usage === true);
      const id = answer.headers.get('x-sluice-exchange')!;
      const receipt = await receiptOf(id);
      const [attempt] = receipt.attempts;
      assert.equal(attempt!.usageSource, 'provider');
      assert.equal(attempt!.lines.find(({ line }) => line.direction === 'output')!.line.count, 7);
    }
  });
});

interface StoredReceipt {
  readonly attempts: readonly {
    readonly usageSource: string;
    readonly lines: readonly { readonly line: { readonly direction: string; readonly count: number } }[];
  }[];
}

async function receiptOf(id: string): Promise<StoredReceipt> {
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    const answer = await gateway.admin(`/v1/receipts/${id}`);
    if (answer.ok) return (await answer.json()) as StoredReceipt;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no receipt of ${id}`);
}
