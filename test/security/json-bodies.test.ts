/** Bodies of calls: what a JSON parser, a splicer and a provider could disagree about, and names that JavaScript gives a meaning. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { sendRaw } from '../harness/raw-socket.ts';
import {
  askedMeanwhile,
  framed,
  pathOf,
  rawRequest,
  routeKinds,
  statusesIn,
} from '../harness/route-kinds.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
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

  test('a key that it does not act upon is the provider\u2019s affair, and passes as it is', async () => {
    const body =
      '{"model":"o/gpt-sim","user":"a","user":"b","messages":[{"role":"user","content":"passes"}]}';
    assert.equal((await post(paths.openai, body)).status, 200);
  });

  test('on an http route nobody acts upon keys: the bytes pass as they are (http)', async () => {
    const body = '{"model":"a","model":"b","mod\\u0065l":"c"}';
    const { text } = await sendRaw(gateway.port, rawRequest('http', { body }));
    assert.deepEqual(statusesIn(text), ['200']);
    assert.ok(text.includes(hash('sha256', body)));
  });
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
  });

  const fields = ['__proto__: a', 'constructor: b', 'toString: c', 'hasOwnProperty: d', '0: e', 'valueOf: f'];
  for (const kind of routeKinds)
    test(`are names of headers and query parameters like others (${kind})`, async () => {
      const query = '?__proto__=1&constructor=2&__proto__[x]=3&0=4';
      const { result, calls } = await askedMeanwhile(gateway, () =>
        sendRaw(
          gateway.port,
          rawRequest(kind, { target: pathOf(kind) + query, fields: framed(kind, ...fields) }),
        ),
      );
      assert.deepEqual(statusesIn(result.text), ['200'], result.text);
      const told = calls[0]!.requestHeaders!;
      if (kind === 'http') assert.ok(result.text.includes(`"url":"/echo${query}"`));
      if (kind === 'http') assert.equal(Object.hasOwn(told, 'constructor') && told['constructor'], 'b');
      assert.equal(Object.hasOwn(told, '__proto__'), false);
    });

  test('are no project, key or model of the admin API either', async () => {
    for (const project of ['__proto__', 'constructor', 'toString']) {
      const made = await gateway.admin('/v1/keys', {
        method: 'POST',
        body: JSON.stringify({ name: 'n', project }),
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(made.status, 400, await made.text());
    }
    const explained = await gateway.admin('/v1/explain', {
      method: 'POST',
      body: JSON.stringify({ method: 'POST', url: '/v1/chat/completions', model: '__proto__' }),
      headers: { 'content-type': 'application/json' },
    });
    assert.ok(explained.status < 500, await explained.text());
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

  test('security 34: a call of objects a hundred thousand deep is relayed or refused, and the gateway lives', async () => {
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
