import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { serverAudits } from '../clients/node_modules/graphql-http/lib/index.mjs';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createClient } from '../clients/node_modules/graphql-sse/lib/index.mjs';
import { sampleKey } from '../harness/raw-websocket.ts';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import { blocksOf } from '../harness/snippets.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { sdl, startGraphqlServer, type GraphqlServer } from './graphql-server.ts';

let server: GraphqlServer;
let gateway: TestGateway;
const otherKey = 'sk-test-other-0123456789';
const listed = 'query Listed($id: ID) { product(id: $id) { ...P } }\nfragment P on Product { name }';
const manifest = JSON.stringify({
  format: 'apollo-persisted-query-manifest',
  operations: [{ id: 'hello-1', name: 'Hi', type: 'query', body: 'query Hi { hello }' }],
});
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

before(async () => {
  server = await startGraphqlServer();
  const to = { graphql: server.url, schema: sdl, cost: { weights: { 'Query.product': 3 } }, maxBatch: 3 };
  const known = { automatic: true, listed: [listed, manifest] };
  const route = (name: string, more: object, ...policies: object[]) => ({
    name,
    match: { path: `/${name}` },
    to: { ...to, ...more },
    policies: ['default', ...policies],
  });
  gateway = await startTestGateway({
    config: {
      prices: { shop: { units: { graphql_cost: '0.001' } } },
      projects: { web: { team: 'red' }, other: { team: 'red' } },
      keys: { tester: { project: 'web', secret: testKey }, second: { project: 'other', secret: otherKey } },
      routes: [
        route('plain', { maxBatch: 1 }),
        route('limited', {}, { 'graphql-limits': { maxDepth: 3, maxAliases: 2, maxCost: 100 } }),
        route('open', {}, { 'graphql-limits': { introspection: 'allow' } }),
        route('known', { documents: known }, { 'graphql-limits': { maxCost: 10 } }),
        route('listed', { documents: known }, { 'graphql-operations': { only: 'listed' } }),
        route('named', { documents: known }, { 'graphql-operations': { only: 'named', types: ['query'] } }),
        route('metered', { meter: { price: 'shop' } }, { 'rate-limit': { by: 'key', cost: '20/h' } }),
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await server.close();
});

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  readonly body: { data?: unknown; errors?: { message: string; extensions: Record<string, unknown> }[] };
}

async function ask(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return answerOf(
    await fetch(`${gateway.url}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    }),
  );
}

const get = async (path: string, query: Record<string, string>, headers: Record<string, string> = {}) =>
  answerOf(
    await fetch(`${gateway.url}/${path}?${new URLSearchParams(query).toString()}`, {
      headers: { authorization: `Bearer ${testKey}`, ...headers },
    }),
  );

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const body = JSON.parse(text || 'null') as Answer['body'];
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    body,
  };
}

const newer = { accept: 'application/graphql-response+json' };
const codeOf = ({ body }: Answer) => body.errors?.[0]?.extensions['code'];
const seen = () => server.requests.length;

for (const path of ['plain', 'open'])
  test(`every audit of graphql-http passes through the route "${path}"`, async () => {
    const failed: string[] = [];
    let audited = 0;
    const fetchFn = (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${testKey}`);
      return fetch(url, { ...init, headers });
    };
    for (const audit of serverAudits({ url: `${gateway.url}/${path}`, fetchFn: fetchFn as never })) {
      const result = await audit.fn();
      audited++;
      if (result.status !== 'ok') failed.push(`${result.id} ${result.name}: ${result.reason}`);
    }
    assert.deepEqual(failed, []);
    assert.ok(audited > 50, String(audited));
  });

test('an answer passes as it is, and its receipt says what was asked and what it cost', async () => {
  const query =
    'query Shop($n: Int) { products(first: $n) { id related { name } } hello product(id: 1) { id } }';
  const { status, body, headers } = await ask('metered', { query, variables: { n: 2 } });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body.data as object), ['products', 'hello', 'product']);
  const receipt = await receiptOf(gateway, headers.get('x-sluice-exchange')!);
  const [attempt] = receipt.attempts;
  // Two products, with five each; and one, for asking for which 3 are charged.
  const cost = 2 * (1 + 5) + (3 + 1);
  assert.deepEqual(attempt!.rawUsage, {
    graphql: [
      { type: 'query', name: 'Shop', cost, depth: 3, fields: { products: 12, product: 4, hello: 0 } },
    ],
  });
  assert.deepEqual(attempt!.units, [
    { unit: 'graphql_cost', count: cost, costNano: String(cost * 1_000_000) },
  ]);
  assert.match(headers.get('ratelimit') ?? '', /cost\/h";r=4/);
  const refused = await ask('metered', { query, variables: { n: 1 } });
  assert.equal(refused.status, 429);
  assert.equal(codeOf(refused), 'limit/exceeded');
  assert.match(refused.body.errors![0]!.message, /units of cost/);
  // What costs less has room.
  assert.equal((await ask('metered', { query: '{ product(id: 2) { id } }' })).status, 200);
});

test('what is refused is a GraphQL error that says which limit, what came and what is allowed, in the type the client takes', async () => {
  const before = seen();
  const deep = { query: '{ products { related { related { id } } } }' };
  const old = await ask('limited', deep, { accept: 'application/json' });
  assert.deepEqual([old.status, old.type], [200, 'application/json; charset=utf-8']);
  const later = await ask('limited', deep, newer);
  assert.deepEqual([later.status, later.type], [400, 'application/graphql-response+json; charset=utf-8']);
  for (const { body } of [old, later]) {
    const { exchange, ...extensions } = body.errors![0]!.extensions;
    assert.deepEqual(extensions, { code: 'graphql/limit-exceeded', limit: 'depth', came: 4, allowed: 3 });
    assert.equal(body.errors![0]!.message, 'The operation has depth 4; at most 3 is allowed.');
    assert.ok(!('data' in body));
    const receipt = await receiptOf(gateway, String(exchange));
    assert.deepEqual(
      [receipt.status, receipt.fault, receipt.outcome],
      [400, 'graphql/limit-exceeded', 'refused'],
    );
  }
  const limits: [unknown, string][] = [
    [{ query: '{ a: hello b: hello c: hello }' }, 'aliases'],
    [{ query: '{ products(first: 1000000000) { id } }' }, 'cost'],
    [{ query: 'query($n: Int) { products(first: $n) { id } }', variables: { n: 101 } }, 'cost'],
    [[{ query: '{ products(first: 60) { id } }' }, { query: '{ products(first: 60) { id } }' }], 'cost'],
    [{ query: `{ ${'hello '.repeat(101)} }` }, 'breadth'],
    [{ query: '{ hello }', variables: { x: [Array(1001).fill(0)] } }, 'variables'],
    [{ query: `{ hello ${'@a '.repeat(51)} }` }, 'directives'],
    [{ query: `{ ${'hello '.repeat(30_000)} }` }, 'tokens'],
    [
      { query: `{ hello }${' # x'.repeat(9)}\n fragment F on Query { ${'a(x: 1) '.repeat(1000)} }` },
      'tokens',
    ],
    [Array(4).fill({ query: '{ hello }' }), 'batch'],
    [{ query: '{ __schema { types { name } } }' }, 'introspection'],
    [{ query: '{ ...F } fragment F on Query { x: __type(name: "Q") { name } }' }, 'introspection'],
  ];
  for (const [body, limit] of limits) {
    const { status, body: answer } = await ask('limited', body, newer);
    assert.equal(answer.errors?.[0]?.extensions['limit'], limit, JSON.stringify(answer).slice(0, 300));
    assert.equal(status, limit === 'introspection' ? 403 : 400);
  }
  assert.equal(seen(), before, 'the server hears of none of them');
});

test('fragments that stand in themselves and documents that are none are refused here', async () => {
  const before = seen();
  for (const query of [
    '{ ...A } fragment A on Query { ...A }',
    '{ hello',
    'query A { hello } query B { hello }',
    '{ ...None }',
    '{ a(x: "\u{1f4a3}) }',
  ]) {
    const { status, body } = await ask('plain', { query }, newer);
    assert.deepEqual([status, body.errors![0]!.extensions['code']], [400, 'graphql/document'], query);
  }
  const two = { query: 'query A { hello } query B { product { id } }', operationName: 'B' };
  assert.equal(seen(), before);
  assert.deepEqual((await ask('plain', two)).body, { data: { product: { id: '1' } } });
});

test('what two readers could read differently is refused, and so is what a strange page can send', async () => {
  const before = seen();
  const query = '{ hello }';
  const auth = { authorization: `Bearer ${testKey}` };
  const expectStatus = async (expected: number, answer: Promise<Answer>) => {
    const { status, body } = await answer;
    assert.equal(status, expected, JSON.stringify(body));
    assert.ok(Array.isArray(body.errors));
  };
  await expectStatus(
    400,
    ask('limited', `{"query": "{ hello }", "query": "{ __schema { types { name } } }"}`),
  );
  await expectStatus(400, ask('limited', `{"query": "{ hello }", "variables": {"n": 1, "n": 1000}}`));
  await expectStatus(400, ask('limited?query=%7Bhello%7D', { query }));
  await expectStatus(400, ask('plain', [{ query }]));
  await expectStatus(400, ask('limited', []));
  await expectStatus(415, ask('plain', { query }, { 'content-type': 'text/plain' }));
  await expectStatus(415, ask('plain', { query }, { 'content-type': 'application/json; charset=utf-16' }));
  await expectStatus(405, get('plain', { query: 'mutation { rename(id: 1, name: "x") { id } }' }));
  await expectStatus(
    405,
    answerOf(await fetch(`${gateway.url}/plain`, { method: 'PUT', headers: auth, body: '{}' })),
  );
  await expectStatus(400, get('plain', { query, variables: '[1]' }));
  await expectStatus(
    400,
    answerOf(await fetch(`${gateway.url}/plain?query=%7Bhello%7D&query=%7Bx%7D`, { headers: auth })),
  );
  await expectStatus(401, answerOf(await fetch(`${gateway.url}/plain`, { method: 'POST', body: '{}' })));
  assert.equal(seen(), before);
});

test('a body that is packed is read, and goes on as it came; so does what the URL asks for', async () => {
  const packed = gzipSync(JSON.stringify({ query: '{ __schema { types { name } } }' }));
  const refused = await ask('limited', packed, { 'content-encoding': 'gzip' });
  assert.equal(codeOf(refused), 'graphql/refused');
  const got = await get('limited', {
    query: 'query($id: ID) { product(id: $id) { name } }',
    variables: '{"id": 7}',
  });
  assert.deepEqual(got.body, { data: { product: { name: 'p7' } } });
  assert.match(server.requests.at(-1)!.url, /^\/v2\/graphql\?query=/);
});

test('a document is sent once, and by its hash from then on; each project has its own', async () => {
  const query = 'query Mine { product(id: 3) { price } }';
  const persistedQuery = { version: 1, sha256Hash: hashOf(query) };
  const unknown = await ask('known', { extensions: { persistedQuery } });
  assert.deepEqual(
    [unknown.status, unknown.body.errors![0]!.message, codeOf(unknown)],
    [200, 'PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND'],
  );
  assert.equal(unknown.headers.get('cache-control'), 'no-store');
  const wrong = await ask('known', { query: '{ hello }', extensions: { persistedQuery } });
  assert.equal(wrong.status, 400);
  assert.equal((await ask('known', { query, extensions: { persistedQuery, more: 1 } })).status, 200);
  const extensions = { persistedQuery, more: 1 };
  const data = { data: { product: { price: 30 } } };
  assert.deepEqual((await ask('known', { extensions })).body, data);
  assert.deepEqual(JSON.parse(server.requests.at(-1)!.text), { query, extensions: { more: 1 } });
  assert.deepEqual((await get('known', { extensions: JSON.stringify(extensions) })).body, data);
  const { searchParams } = new URL(server.requests.at(-1)!.url, server.url);
  assert.deepEqual(Object.fromEntries(searchParams), { query, extensions: '{"more":1}' });
  assert.deepEqual((await ask('known', { documentId: `sha256:${persistedQuery.sha256Hash}` })).body, data);
  const theirs = await ask('known', { extensions }, { authorization: `Bearer ${otherKey}` });
  assert.equal(codeOf(theirs), 'PERSISTED_QUERY_NOT_FOUND');
  // What is named is held to the limits all the same.
  const dear = '{ products(first: 90) { id } }';
  const hash = { persistedQuery: { version: 1, sha256Hash: hashOf(dear) } };
  assert.equal(codeOf(await ask('known', { query: dear, extensions: hash })), 'graphql/limit-exceeded');
  assert.equal(codeOf(await ask('known', { extensions: hash })), 'graphql/limit-exceeded');
  // On a route that knows of no names, what is named cannot be judged.
  assert.equal(codeOf(await ask('limited', { extensions: hash })), 'graphql/unknown-document');
});

test('operations that are on the list pass, by their text, id or hash, and no others', async () => {
  const data = { data: { product: { name: 'p5' } } };
  const variables = { id: 5 };
  const respelt = '# mine\nfragment P on Product {name,}\nquery Listed($id:ID){product(id:$id){...P}}';
  const listedNames = [
    { query: listed, variables },
    { query: respelt, variables },
    { documentId: `sha256:${hashOf(listed)}`, variables },
    { extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(listed) } }, variables },
  ];
  for (const request of listedNames) assert.deepEqual((await ask('listed', request)).body, data);
  assert.deepEqual((await ask('named', { documentId: 'hello-1' })).body, { data: { hello: 'world' } });
  assert.deepEqual((await get('named', { documentId: 'hello-1' })).body, { data: { hello: 'world' } });
  const before = seen();
  const other = listed.replace('name', 'price');
  for (const [path, request] of [
    ['listed', { query: other, variables }],
    ['named', { query: listed, variables }],
    ['named', { query: 'query Hi { hello }' }],
    ['listed', { query: '{ hello }' }],
  ] as const) {
    const { status, body } = await ask(path, request, newer);
    assert.deepEqual([status, body.errors![0]!.extensions['code']], [403, 'graphql/refused']);
  }
  const none = await ask('named', { documentId: 'hello-2' }, newer);
  assert.deepEqual([none.status, codeOf(none)], [404, 'PERSISTED_QUERY_NOT_IN_LIST']);
  // What was made known by somebody is not on the list for it.
  const extensions = { persistedQuery: { version: 1, sha256Hash: hashOf(other) } };
  assert.equal(codeOf(await ask('listed', { query: other, variables, extensions })), 'graphql/refused');
  assert.equal(codeOf(await ask('named', { extensions, variables })), 'graphql/refused');
  assert.equal(seen(), before);
});

test('a subscription over SSE passes event by event, and one that asks for too much ends with its error', async () => {
  const subscribe = async (query: string) => {
    const url = `${gateway.url}/limited`;
    const client = createClient({ url, headers: { authorization: `Bearer ${testKey}` }, retryAttempts: 0 });
    const results: unknown[] = [];
    for await (const result of client.iterate({ query })) results.push(result);
    client.dispose();
    return results as { data?: object; errors?: { extensions: { limit?: string } }[] }[];
  };
  const counted = await subscribe('subscription { count(to: 3) }');
  assert.deepEqual(
    counted.map(({ data }) => ({ ...data })),
    [{ count: 1 }, { count: 2 }, { count: 3 }],
  );
  const [refused, ...more] = await subscribe(
    'subscription { a: count(to: 3) b: count(to: 1) c: count(to: 1) }',
  );
  assert.equal(refused!.errors![0]!.extensions.limit, 'aliases');
  assert.deepEqual(more, []);
});

test('a WebSocket, whose operations would go unread, is refused, whatever its URL asks for', async () => {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const headers = { ...upgrade, authorization: `Bearer ${testKey}`, 'sec-websocket-key': sampleKey };
  const before = seen();
  const status = await new Promise((resolve, reject) => {
    const path = '/limited?query=%7B__schema%7Btypes%7Bname%7D%7D%7D';
    request(`${gateway.url}${path}`, { headers }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
  assert.equal(status, 400);
  assert.equal(seen(), before);
});

test('the page says it as it is: its configurations can be read, and its error is one', async () => {
  const blocks = blocksOf('docs/graphql.md', 'yaml');
  assert.equal(blocks.length, 2);
  const prices = { find: () => null, all: () => ({}) };
  for (const text of blocks) {
    const document = parseConfig(text, { env: {}, path: null, policySchemas });
    const use = { catalog, prices, version: 1, text, source: 'page', nowMs: 0 };
    const { snapshot } = resolveConfig(document, use);
    assert.ok(snapshot.routes.some((route) => route.kind === 'http' && route.graphql));
  }
  const page = readFileSync('docs/graphql.md', 'utf8');
  const [said] = (JSON.parse(/```json\n([^`]*)```/.exec(page)![1]!) as Answer['body']).errors!;
  const { body } = await ask('limited', { query: '{ products { related { related { id } } } }' });
  const shape = (error: typeof said) => [
    error!.message.replaceAll(/\d+/g, 'n'),
    Object.keys(error!.extensions),
  ];
  assert.deepEqual(shape(said), shape(body.errors![0]));
});
