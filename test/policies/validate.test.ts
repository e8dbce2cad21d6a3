/** Requests and answers held to JSON Schema and to OpenAPI documents, through real sockets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Policy } from '#core/contracts/policy.ts';
import { parse } from 'yaml';
import { blocksOf } from '../harness/snippets.ts';
import { startInProcess, type InProcessGateway } from '../harness/in-process-gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';

const pets = `
openapi: 3.0.3
info: { title: Pets, version: '1' }
servers: [{ url: 'https://api.test/v1' }]
paths:
  /pets:
    parameters: [{ name: x-tenant, in: header, schema: { type: string, maxLength: 5 } }]
    get:
      operationId: listPets
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 10 } }
        - { name: tags, in: query, explode: false, schema: { type: array, items: { type: string }, maxItems: 2 } }
        - { name: where, in: query, style: deepObject, schema: { $ref: 'parts.yaml#/Where' } }
      responses: { '200': { description: ok, content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Pet' } } } } } }
    post:
      operationId: addPet
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: '#/components/schemas/Pet' } }
          application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Pet' } }
      responses:
        '201': { description: made, headers: { location: { required: true, schema: { type: string } } } }
        default: { description: other, content: { application/json: {} } }
  /pets/mine: { get: { operationId: mine, responses: { '200': { description: ok } } } }
  /pets/{id}.json: { get: { operationId: petFile, parameters: [{ name: id, in: path, required: true, schema: { type: integer } }], responses: { '200': { description: ok } } } }
  /pets/{id}:
    get:
      operationId: showPet
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Pet' } } } }
components:
  schemas:
    Pet:
      type: object
      required: [id, name]
      additionalProperties: false
      properties:
        id: { type: integer, readOnly: true }
        name: { type: string, minLength: 1, pattern: '^[a-z]+$' }
        age: { type: integer, minimum: 0, exclusiveMinimum: true, nullable: true }
        kind: { enum: [cat, dog] }
        parent: { $ref: '#/components/schemas/Pet' }
`;
const parts = `Where: { type: object, required: [city], additionalProperties: false, properties: { city: { type: string }, near: { type: number } } }`;

let upstream: JsonUpstream;
let gateway: InProcessGateway;
/** What the upstream is to answer. */
let next: { status?: number; headers?: Record<string, string | number>; body: string | Buffer } = {
  body: '{}',
};

/** The page's own blocks. */
const page = 'docs/validation.md';
const documented = parse(blocksOf(page, 'yaml')[0]!) as {
  routes: [{ policies: [unknown, { validate: object }] }];
};

const watch: Policy = { name: 'nothing', summary: 'nothing' };
const order = {
  type: 'object',
  required: ['sku'],
  properties: { sku: { type: 'string' }, list: { type: 'array', uniqueItems: true } },
};

before(async () => {
  upstream = await startJsonUpstream((response, { body }) => {
    const { status = 200, headers = {}, body: text } = next;
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-came': String(body.length),
      ...headers,
    });
    response.end(text);
  });
  const to = { http: upstream.url };
  const route = (name: string, path: string, settings: object, more: object[] = []) => ({
    name,
    match: { path },
    to,
    policies: [...more, { validate: settings }],
  });
  gateway = await startInProcess(
    {
      log: { access: false },
      routes: [
        route('pets', '/v1/**', documented.routes[0].policies[1].validate),
        route('held', '/held/**', {
          openapi: 'pets.yaml',
          basePath: '/held',
          responses: 'enforce',
          maxBody: '64KiB',
        }),
        route('told', '/told/**', {
          openapi: 'pets.yaml',
          basePath: '/told',
          requests: 'report',
          unknown: 'pass',
        }),
        route('packed', '/packed/**', { openapi: 'pets.yaml', basePath: '/packed' }, [
          { compression: { minBytes: 1 } },
        ]),
        {
          name: 'described',
          match: { openapi: { file: 'pets.yaml', basePath: '/api' } },
          stripPrefix: '/api',
          to,
          policies: [],
        },
        route('orders', '/orders/**', {
          request: {
            body: order,
            query: { properties: { page: { type: 'integer' } }, required: ['page'] },
            template: '/orders/{shop}',
            path: { properties: { shop: { type: 'string', maxLength: 4 } } },
          },
          response: { '200': order },
          unknownParameters: 'refuse',
          maxDepth: 5,
          maxErrors: 2,
        }),
      ],
    },
    watch,
    { 'pets.yaml': pets, 'parts.yaml': parts },
  );
});
after(async () => {
  await gateway?.stop();
  await upstream.close();
});

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly {
    in: string;
    pointer: string;
    keyword: string;
    expected: string;
    got: string;
  }[];
}

async function ask(path: string, init: RequestInit = {}) {
  const response = await fetch(`${gateway.url}${path}`, init);
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, text, problem: status >= 400 ? (JSON.parse(text) as Problem) : null };
}
const json = (body: unknown, more: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...more },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const places = ({ problem }: { problem: Problem | null }) =>
  problem?.errors?.map(({ in: place, pointer, keyword }) => `${place} ${pointer} ${keyword}`);
const noteOf = async ({ headers }: { headers: Headers }, side: 'request' | 'response') =>
  (await gateway.receiptOf(headers.get('x-sluice-exchange')!)).notes?.[`validate.${side}`];

test('a body that is as described goes on, and one that is not is refused with all places', async () => {
  next = { status: 201, headers: { location: '/v1/pets/1' }, body: '' };
  const good = await ask('/v1/pets', json({ name: 'tom', age: 3, kind: 'cat', parent: { name: 'eve' } }));
  assert.equal(good.status, 201);
  assert.equal(good.headers.get('x-came'), '59');
  const bad = await ask(
    '/v1/pets',
    json(
      { name: 'secret-TOM', age: 0, kind: 'cow', parent: { name: 7 }, extra: 1 },
      { 'x-tenant': 'toolong' },
    ),
  );
  assert.equal(bad.status, 400);
  assert.equal(bad.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(places(bad), ['header /x-tenant maxLength']);
  const body = await ask(
    '/v1/pets',
    json({ name: 'secret-TOM', age: 0, kind: 'cow', parent: { name: 7 }, extra: 1 }),
  );
  assert.deepEqual(places(body), [
    'body /name pattern',
    'body /age exclusiveMinimum',
    'body /kind enum',
    'body /parent/name type',
    'body /extra additionalProperties',
  ]);
  assert.equal(body.problem!.code, 'request/not-as-described');
  assert.deepEqual(body.problem!.errors![3], {
    detail: 'body /parent/name: expected string, got an integer',
    ...{ in: 'body', pointer: '/parent/name', keyword: 'type', expected: 'string', got: 'an integer' },
  });
  assert.doesNotMatch(body.text, /TOM|secret|cow/);
});

test('parameters are read by their styles', async () => {
  next = { body: '[]' };
  for (const query of ['', '?limit=10', '?tags=a,b', '?where[city]=ulm&where[near]=1.5', '?other=1'])
    assert.equal((await ask(`/v1/pets${query}`)).status, 200, query);
  const wrong: [string, string][] = [
    ['?limit=11', 'query /limit maximum'],
    ['?limit=ten', 'query /limit type'],
    ['?limit=1&limit=2', 'query /limit twice'],
    ['?tags=a,b,c', 'query /tags maxItems'],
    ['?where[near]=1', 'query /where/city required'],
    ['?where[city]=u&where[at]=1', 'query /where/at additionalProperties'],
  ];
  for (const [query, place] of wrong) assert.deepEqual(places(await ask(`/v1/pets${query}`)), [place], query);
  assert.deepEqual(places(await ask('/v1/pets/x')), ['path /id type']);
  assert.deepEqual(places(await ask('/v1/pets/x.json')), ['path /id type']);
  for (const path of ['/v1/pets/mine', '/v1/pets/7.json']) assert.equal((await ask(path)).status, 200, path);
});

test('a refusal looks as it is documented', async () => {
  const told = JSON.parse(blocksOf(page, 'json')[0]!) as Problem & { exchange: string };
  const came = (await ask('/v1/pets', json({ name: 'tom', age: -1 }))).problem as typeof told;
  assert.deepEqual(Object.keys(came), Object.keys(told));
  assert.deepEqual({ ...came, exchange: '' }, { ...told, exchange: '' });
});

test('what is not described is 404, 405 with what is, and 415', async () => {
  assert.equal((await ask('/v1/cats')).problem!.code, 'route/not-found');
  const method = await ask('/v1/pets', { method: 'DELETE' });
  assert.equal(method.status, 405);
  assert.equal(method.headers.get('allow'), 'GET, POST');
  const type = await ask('/v1/pets', { ...json({}), headers: { 'content-type': 'text/xml' } });
  assert.equal(type.status, 415);
  assert.equal(type.headers.get('accept'), 'application/json, application/x-www-form-urlencoded');
  assert.deepEqual(places(await ask('/v1/pets', { method: 'POST' })), ['body  required']);
});

test('a route made of a document takes its operations, and its receipts name them', async () => {
  next = { body: '[]' };
  for (const [path, operation] of [
    ['/api/pets', 'listPets'],
    ['/api/pets/mine', 'mine'],
    ['/api/pets/7.json', 'petFile'],
    ['/api/pets/7', 'showPet'],
  ] as const) {
    const answer = await ask(path);
    assert.equal(answer.status, 200, path);
    const { notes } = await gateway.receiptOf(answer.headers.get('x-sluice-exchange')!);
    assert.deepEqual(notes, { operation }, path);
  }
  assert.equal((await ask('/api/cats')).problem!.code, 'route/not-found');
  const method = await ask('/api/pets', { method: 'DELETE' });
  assert.deepEqual([method.status, method.headers.get('allow')], [405, 'GET, HEAD, POST']);
});

test('forms and packed bodies are read, bounded by what they unpack to', async () => {
  next = { status: 201, headers: { location: '/' }, body: '' };
  const form = (text: string) =>
    ask('/v1/pets', { ...json(text), headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  assert.equal((await form('name=tom&age=3')).status, 201);
  assert.deepEqual(places(await form('name=tom&age=old')), ['body /age type']);
  assert.deepEqual(places(await form('name=tom&name=tim')), ['body  twice']);
  const packed = (text: string) =>
    ask('/held/pets', {
      ...json(''),
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(text),
    });
  assert.equal((await packed('{"name":"tom"}')).status, 201);
  assert.deepEqual(places(await packed('{"name":"TOM"}')), ['body /name pattern']);
  const bomb = await packed(`{"name":"${'a'.repeat(1_000_000)}"}`);
  assert.equal(bomb.problem!.code, 'request/body-too-large');
});

test('security 34: what readers would read differently is refused', async () => {
  const hostile: [string, string][] = [
    ['{"name":"tom","name":"TOM"}', 'request/duplicate-key'],
    ['{"name":"tom","n\\u0061me":"TOM"}', 'request/duplicate-key'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'request/body-not-json'],
    ['{"name":"tom","age":1e400}', 'request/body-not-json'],
    ['{"name":"tom"', 'request/body-not-json'],
    ['{"name":"tom","__proto__":{}}', 'request/not-as-described'],
  ];
  for (const [body, code] of hostile)
    assert.equal((await ask('/v1/pets', json(body))).problem!.code, code, body.slice(0, 50));
  const latin = await ask('/v1/pets', { ...json(''), body: Buffer.from('{"name":"\xff"}', 'latin1') });
  assert.equal(latin.problem!.code, 'request/body-not-json');
});

test('by schemas alone, with bounds of their own', async () => {
  next = { body: '{"sku":"a"}' };
  assert.equal((await ask('/orders/ulm?page=1', json({ sku: 'a', list: [{ a: 1, b: 2 }] }))).status, 200);
  const many = await ask(
    '/orders/ulm?page=1',
    json({
      sku: 1,
      list: [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    }),
  );
  assert.deepEqual(places(many), ['body /sku type', 'body /list uniqueItems']);
  assert.deepEqual(places(await ask('/orders/berlin?all=1', json({}))), [
    'path /shop maxLength',
    'query /page required',
  ]);
  assert.deepEqual(places(await ask('/orders/ulm?page=1&all=1', json({}))), ['query /all unknown']);
  assert.equal(
    (await ask('/orders/ulm?page=1', json('[[[[[[]]]]]]'))).problem!.code,
    'request/body-not-json',
  );
});

test('only reported, a request goes on, and its receipt says what was wrong', async () => {
  next = { status: 201, headers: { location: '/' }, body: '' };
  const told = await ask('/told/pets', json({ name: 'TOM', age: 0 }));
  assert.equal(told.status, 201);
  assert.match(
    String(await noteOf(told, 'request')),
    /^body \/name: expected a text of the pattern .*\(and 1 more\)$/,
  );
  const other = await ask('/told/nothing/of/it', json('not json'));
  assert.equal(other.status, 201);
  assert.equal(await noteOf(other, 'request'), undefined);
});

test('answers are only reported unless told otherwise, and not changed by it', async () => {
  next = { body: '{"id":"7","name":"tom"}' };
  const told = await ask('/v1/pets/7');
  assert.equal(told.status, 200);
  assert.equal(told.text, next.body);
  assert.equal(await noteOf(told, 'response'), 'body /id: expected integer, got a string of 1 character');
  const packed = await ask('/packed/pets/7', { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.equal(packed.text, next.body);
  assert.match(String(await noteOf(packed, 'response')), /^body \/id/);
  next = { headers: { 'content-encoding': 'gzip' }, body: gzipSync('{"id":7}') };
  assert.match(String(await noteOf(await ask('/v1/pets/7'), 'response')), /^body \/name: expected a value/);
  next = { status: 418, body: '{}' };
  const status = await fetch(`${gateway.url}/v1/pets/7`);
  await status.text();
  assert.equal(await noteOf(status, 'response'), 'status: expected one of 200, got 418');
  next = { status: 201, body: '' };
  assert.equal(
    await noteOf(await ask('/v1/pets', json({ name: 'tom' })), 'response'),
    'header /location: expected a value, which is required, got nothing',
  );
  next = { body: '{"id":7,"name":"tom"}' };
  assert.equal(await noteOf(await ask('/v1/pets/7'), 'response'), undefined);
});

test('held to it, an answer is given whole or not at all', async () => {
  next = { body: '{"id":7,"name":"tom"}', headers: { etag: '"1"' } };
  const good = await ask('/held/pets/7');
  assert.deepEqual([good.status, good.text, good.headers.get('etag')], [200, next.body, '"1"']);
  const head = await fetch(`${gateway.url}/held/pets/7`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  next = { body: '{"id":"secret"}' };
  const bad = await ask('/held/pets/7');
  assert.equal(bad.status, 502);
  assert.equal(bad.problem!.code, 'upstream/not-as-described');
  assert.doesNotMatch(bad.text, /secret|\/id/);
  assert.match(String(await noteOf(bad, 'response')), /^body \/name.* 1 more/);
  next = { body: JSON.stringify('x'.repeat(70_000)) };
  assert.equal((await ask('/held/pets/7')).problem!.code, 'upstream/answer-too-large');
  next = { body: '' };
  assert.equal((await ask('/held/pets/mine')).status, 200);
});
