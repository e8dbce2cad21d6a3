/** OpenAPI documents, imported and served through real sockets. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { ImportError, importers, type Imported } from '#import/index.ts';
import { emptyFolder } from '../../harness/command.ts';
import { blocksOf } from '../../harness/snippets.ts';
import { spawnSluice } from '../../../src/cli/testing/spawn-sluice.ts';
import { startInProcess, type InProcessGateway } from '../../harness/in-process-gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../../harness/json-upstream.ts';

const runs = process.env['SLUICE_LONG'] ? 3000 : 60;
const importer = importers.get('openapi')!;
const folder = 'test/import/openapi';
const read = (name: string) => readFileSync(`${folder}/${name}`, 'utf8');
const plain = (upstream: string) => `
openapi: 3.1.0
info: { title: Pets, version: '1' }
servers: [{ url: '${upstream}/v1' }]
security: [{ user: [] }, { key: [] }]
paths:
  /pets: { get: { security: [], responses: {}, parameters: [{ name: limit, in: query, schema: { type: integer } }] } }
  /pets/{id}: { delete: { responses: {} } }
  /people: { get: { security: [{ code: [] }], responses: {} } }
components:
  securitySchemes:
    user: { type: http, scheme: basic }
    key: { type: apiKey, in: query, name: token }
    code: { type: http, scheme: bearer }
`;

let upstream: JsonUpstream;
let gateway: InProcessGateway;
let exported: Imported;
let described: Imported;

before(async () => {
  upstream = await startJsonUpstream((response, { request }) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ method: request.method, url: request.url }));
  });
  const text = read('gateway-export.yaml').replaceAll('UPSTREAM', upstream.url);
  const beside = { 'usage-plans': read('usage-plans.json') };
  exported = importer.import({ file: 'weather.yaml', text, beside });
  described = importer.import({ file: 'pets.yaml', text: plain(upstream.url), beside: {} });
  // In process there are no keys: what comes after who calls is looked at here.
  const unlocked = [...exported.document.routes!, ...described.document.routes!].map((route) => ({
    ...route,
    policies: (route.policies as Record<string, unknown>[]).filter((policy) => 'validate' in policy),
  }));
  gateway = await startInProcess(
    { log: { access: false }, routes: unlocked },
    { name: 'nothing', summary: 'nothing' },
    { 'weather.yaml': text, 'pets.yaml': plain(upstream.url) },
  );
});
after(async () => {
  await gateway?.stop();
  await upstream.close();
});

const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${gateway.url}${path}`, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const asked = (text: string) => JSON.parse(text) as { method: string; url: string };
const outcomes = ({ report }: Imported, begin: string) =>
  report.lines
    .filter(({ place }) => place.startsWith(begin))
    .map(({ place, outcome }) => `${place.slice(begin.length)} ${outcome}`);
const policiesOf = ({ document }: Imported, name: string) =>
  document.routes!.find((route) => route.name === name)!.policies;

test('what a gateway has sent on goes the same way', async () => {
  const city = await ask('/prod/cities/ulm?days=3');
  assert.deepEqual(asked(city.text), { method: 'GET', url: '/v2/forecast/ulm?days=3' });
  assert.equal((await ask('/prod/cities/ulm?days=8')).status, 400);
  assert.equal((await ask('/prod/cities/ulm')).status, 400);
  assert.deepEqual(asked((await ask('/prod/files/a/b.png', { method: 'PUT' })).text), {
    method: 'PUT',
    url: '/raw/a/b.png',
  });
  const preflight = await ask('/prod/cities/ulm', { method: 'OPTIONS' });
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [204, '*']);
  assert.equal((await ask('/prod/reports', { method: 'POST' })).status, 404);
});

test('keys, plans and validators become policies', () => {
  assert.deepEqual(policiesOf(exported, 'weather-showcity'), [
    { 'key-auth': { headers: ['x-api-key'] } },
    { access: { allow: { groups: ['plan-free'] } } },
    {
      'rate-limit': { by: 'consumer', requests: ['100/s burst 200', '2 per day'] },
      when: '"plan-free" in consumer.groups',
    },
    { validate: { openapi: 'weather.yaml', basePath: '/prod', unknown: 'pass', responses: 'off' } },
  ]);
  assert.deepEqual(outcomes(exported, '/x-amazon-apigateway-'), [
    'api-key-source carried',
    'request-validators carried',
    'binary-media-types carried',
    'gateway-responses not-carried',
  ]);
  assert.deepEqual(outcomes(exported, '/paths/~1reports'), [
    '/post carried',
    '/post/x-amazon-apigateway-integration not-carried',
    '/post not-carried',
  ]);
});

test('a description becomes one route for what is under the same policies', async () => {
  assert.deepEqual(policiesOf(described, 'pets-2'), [
    { 'any-auth': { any: [{ 'basic-auth': {} }, { 'key-auth': { query: 'token' } }] } },
    { validate: { openapi: 'pets.yaml', basePath: '/v1' } },
  ]);
  assert.deepEqual(asked((await ask('/v1/pets?limit=1')).text).url, '/v1/pets?limit=1');
  assert.equal((await ask('/v1/pets?limit=x')).status, 400);
  assert.equal((await ask('/v1/pets/7', { method: 'DELETE' })).status, 200);
  // Whom to believe is not written there, and it is not open for that.
  assert.deepEqual(policiesOf(described, 'pets-3')![0], { 'key-auth': {} });
  assert.deepEqual(outcomes(described, '/components/securitySchemes/code'), [' not-carried']);
});

test('another text is refused, and an arbitrary document never breaks it', () => {
  for (const text of ['', '[]', '{"swagger":"2.0"}', 'openapi: 2', ': {'])
    assert.throws(() => importer.import({ file: 'x', text, beside: {} }), ImportError);
  const words = fc.constantFrom(
    'servers',
    'url',
    'paths',
    '/a/{b}',
    '/c/{d+}',
    'get',
    'x-amazon-apigateway-any-method',
    'security',
    'components',
    'securitySchemes',
    'type',
    'apiKey',
    'http',
    'mock',
    'uri',
    'http://a/{b}',
    'x-amazon-apigateway-integration',
    'responses',
    'default',
    '$ref',
    '#/paths',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      words,
      fc.anything({ maxDepth: 0 }),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(words, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(words, tree, { maxKeys: 6 }), (parts) => {
      const text = JSON.stringify({ openapi: '3.0.0', ...parts }, (_, value: unknown) =>
        typeof value === 'bigint' ? null : value,
      );
      const { document, report } = importer.import({ file: 'x.json', text, beside: { 'usage-plans': text } });
      const told = report.lines.map(({ place }) => place);
      for (const key of Object.keys(JSON.parse(text) as object))
        assert.ok(
          told.some((place) => place === '' || place.startsWith(`/${key.replaceAll('/', '~1')}`)),
          key,
        );
      assert.ok(Array.isArray(document.routes));
    }),
    { numRuns: runs },
  );
});

test('the command line writes the configuration and tells what becomes of it, as it is documented', async () => {
  const cwd = emptyFolder();
  const [line] = blocksOf('docs/importing.md', 'sh');
  const [name, ...args] = line!.trim().split(' ');
  assert.equal(name, 'sluice');
  writeFileSync(
    join(cwd, 'weather.yaml'),
    read('gateway-export.yaml').replaceAll('UPSTREAM', 'http://10.0.0.5:3000'),
  );
  writeFileSync(join(cwd, 'plans.json'), read('usage-plans.json'));
  const { code, out, err } = await spawnSluice(args, { cwd });
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^Not carried over \(\d+\):\n {2}\/x-amazon-apigateway-gateway-responses: /);
  const written = parse(readFileSync(join(cwd, 'sluice.yaml'), 'utf8')) as { routes: { name: string }[] };
  assert.equal(written.routes.length, 3);
});
