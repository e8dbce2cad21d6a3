/** The policy `transform` through a whole gateway: what an upstream is sent, and what its client gets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

const policies: Readonly<Record<string, object>> = {
  request: {
    request: {
      path: '/v2/{{ body.kind }}/{{ request.query.id }}',
      query: { remove: ['debug'], rename: { q: 'search' }, set: { tenant: '{{ consumer.project }}' } },
      headers: {
        remove: ['x-secret'],
        rename: { 'x-old': 'x-new' },
        set: { 'x-kind': '{{ body.kind }}', 'x-who': 'team {{ consumer.team }}' },
        add: { 'x-many': 'b' },
      },
      body: {
        remove: ['$..password'],
        rename: { '$.user.mail': 'email' },
        default: { '$.kind': 'order', '$.user.role': 'guest' },
        set: { '$.meta.by': '{{ consumer.project }}', '$.items[*].seen': true, '$.version': 2 },
      },
    },
  },
  template: {
    request: { body: { template: '{"n":{{ body.name }},"said":"I am {{ body.name }}","all":{{ body }}}' } },
  },
  form: { request: { body: { set: { '$.via': 'gateway' }, to: 'form' } } },
  unform: { request: { body: { to: 'json' } } },
  answer: {
    response: {
      headers: { set: { 'x-items': '{{ response.status }}' }, remove: ['x-internal'] },
      body: { remove: ['$.items[*].cost'], set: { '$.of': '{{ request.path }}' }, maxBytes: 10000 },
    },
  },
  whole: { response: { body: { template: '{"count":{{ body.items | size }}}' } } },
  strict: { strictVariables: true, request: { headers: { set: { 'x-a': '{{ body.none }}' } } } },
  model: { request: { body: { remove: ['$.logit_bias'], set: { '$.messages[0].content': 'changed' } } } },
};

let upstream: JsonUpstream;
let gateway: TestGateway;
let seen: Seen[] = [];
let answer: { status: number; headers: Record<string, string>; body: string | Buffer };
const usual = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: '{"items":[{"a":1,"cost":5},{"a":2}]}',
};

before(async () => {
  upstream = await startJsonUpstream((response, { body, request }) => {
    seen.push({
      method: request.method!,
      url: request.url!,
      headers: request.headers as Seen['headers'],
      body,
    });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  gateway = await startTestGateway({
    config: {
      routes: Object.entries(policies).map(([name, transform]) => ({
        name,
        match: { path: `/${name}/**` },
        stripPrefix: `/${name}`,
        to: name === 'model' ? { llm: {} } : { http: upstream.url },
        policies: [
          'default',
          { transform },
          ...(name === 'answer' ? [{ compression: { minBytes: 1 } }] : []),
        ],
      })),
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

async function call(path: string, body: unknown, headers: Record<string, string> = {}) {
  seen = [];
  const came = await fetch(`${gateway.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${testKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : {
          body: typeof body === 'string' || Buffer.isBuffer(body) ? (body as string) : JSON.stringify(body),
        }),
  });
  return { status: came.status, headers: came.headers, text: await came.text(), sent: seen[0] };
}

test('path, query, headers and body of a request', async () => {
  answer = usual;
  const body = {
    user: { mail: 'a@b', password: 'x' },
    items: [{ password: 'y', n: 1 }, { n: 2 }],
    ...(JSON.parse('{"__proto__": {"p": 1}}') as object),
  };
  const headers = { 'x-secret': 's', 'x-old': 'o', 'x-many': 'a', 'content-digest': 'sha-256=:AA==:' };
  const { status, sent, text } = await call(
    '/request/a/b?id=7%2F..%0d%0a&debug=1&q=x%20y&q=z&keep=%41',
    body,
    headers,
  );
  assert.equal(status, 200, text);
  assert.equal(sent!.url, '/v2/order/7%2F..%0D%0A?id=7%2F..%0d%0a&search=x%20y&search=z&keep=%41&tenant=web');
  const { headers: got } = sent!;
  assert.deepEqual(
    [
      got['x-secret'],
      got['x-old'],
      got['x-new'],
      got['x-kind'],
      got['x-who'],
      got['x-many'],
      got['content-digest'],
    ],
    [undefined, undefined, 'o', 'order', 'team red', 'a, b', undefined],
  );
  assert.equal(got['content-length'], String(Buffer.byteLength(sent!.body)));
  assert.deepEqual(JSON.parse(sent!.body), {
    user: { email: 'a@b', role: 'guest' },
    items: [
      { n: 1, seen: true },
      { n: 2, seen: true },
    ],
    ['__proto__']: { p: 1 },
    kind: 'order',
    meta: { by: 'web' },
    version: 2,
  });
});

test('a value cannot lead out of its place in the path', async () => {
  for (const id of ['..', '.', '%2e%2e']) {
    const { status, text, sent } = await call(`/request/a?id=${id}`, { kind: 'k' });
    assert.equal(status, 400, text);
    assert.match(text, /request\/malformed/);
    assert.equal(sent, undefined);
  }
});

test('a whole body by a template, whatever the values', async () => {
  for (const name of ['Ann', 'a"},{"\\\r\n', '{{ id }}', ['x', { y: null }]]) {
    const { sent } = await call('/template/', { name });
    const said = typeof name === 'string' ? name : JSON.stringify(name);
    assert.deepEqual(JSON.parse(sent!.body), { n: name, said: `I am ${said}`, all: { name } });
  }
});

test('JSON becomes a form, and a form JSON', async () => {
  const { sent } = await call('/form/', { a: 'x y&', list: [1, 'b'], deep: { c: true }, none: null });
  assert.equal(sent!.headers['content-type'], 'application/x-www-form-urlencoded');
  assert.deepEqual(
    [...new URLSearchParams(sent!.body)],
    [
      ...[
        ['a', 'x y&'],
        ['list', '1'],
        ['list', 'b'],
        ['deep', '{"c":true}'],
        ['via', 'gateway'],
      ],
    ],
  );
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const back = (await call('/unform/', 'a=1&b=x+y&b=%26', form)).sent!;
  assert.equal(back.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(back.body), { a: '1', b: ['x y', '&'] });
});

test('a packed body is unpacked; what is no JSON is refused where it says it is, and passes where it does not', async () => {
  const packed = gzipSync('{"name":"Ann"}');
  const { sent } = await call('/template/', packed, { 'content-encoding': 'gzip' });
  assert.equal(sent!.headers['content-encoding'], undefined);
  assert.equal((JSON.parse(sent!.body) as { n: string }).n, 'Ann');
  const refused = await call('/template/', '{"name":');
  assert.equal(refused.status, 400);
  assert.match(refused.text, /request\/body-not-json/);
  assert.equal(refused.sent, undefined);
  const passed = await call('/template/', 'plain', { 'content-type': 'text/plain' });
  assert.equal(passed.sent!.body, 'plain');
  assert.equal((await call('/template/x', undefined)).sent!.url, '/x');
});

test('an answer: fields, headers, its length, and another policy that packs it', async () => {
  answer = { ...usual, headers: { ...usual.headers, etag: '"a"', 'x-internal': '1', 'content-digest': 'x' } };
  const got = await call('/answer/items', undefined);
  assert.equal(got.sent!.headers['accept-encoding'], 'identity');
  assert.deepEqual(JSON.parse(got.text), { items: [{ a: 1 }, { a: 2 }], of: '/answer/items' });
  assert.deepEqual(
    ['x-items', 'x-internal', 'etag', 'content-digest', 'content-encoding'].map((name) =>
      got.headers.get(name),
    ),
    ['200', null, null, null, 'gzip'],
  );
  assert.deepEqual(JSON.parse((await call('/whole/', undefined)).text), { count: 2 });
});

test('answers that are none of its kind pass; those that cannot be read or are too large are errors', async () => {
  answer = { status: 404, headers: { 'content-type': 'application/json' }, body: '{"items":0}' };
  assert.equal((await call('/answer/', undefined)).text, '{"items":0}');
  answer = { status: 200, headers: { 'content-type': 'text/plain' }, body: 'items' };
  assert.equal((await call('/answer/', undefined)).text, 'items');
  answer = { ...usual, body: '{"items":' };
  assert.match((await call('/answer/', undefined)).text, /upstream\/malformed-answer/);
  answer = {
    ...usual,
    headers: { ...usual.headers, 'content-encoding': 'gzip' },
    body: gzipSync(usual.body),
  };
  assert.ok(gunzipSync(answer.body as Buffer).length > 0);
  assert.match((await call('/answer/', undefined)).text, /which was not asked for/);
  answer = { ...usual, body: JSON.stringify({ items: ['x'.repeat(20_000)] }) };
  const large = await call('/answer/', undefined);
  assert.equal(large.status, 502);
  assert.match(large.text, /upstream\/answer-too-large/);
});

test('a value that is missing fails a strict one, and nothing is sent', async () => {
  const { status, text, sent } = await call('/strict/', undefined);
  assert.equal(status, 500);
  assert.match(text, /policy\/failed/);
  assert.equal(sent, undefined);
});

test('on routes to models the body is changed before it is understood', async () => {
  const { status, text } = await call('/model/v1/chat/completions', {
    model: 'o/gpt-sim',
    logit_bias: { 5: 1 },
    messages: [{ role: 'user', content: 'hi' }],
  });
  assert.equal(status, 200, text);
  assert.deepEqual(gateway.simulator.calls().at(-1)!.body, {
    model: 'gpt-sim',
    messages: [{ role: 'user', content: 'changed' }],
  });
});
