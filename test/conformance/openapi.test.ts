/** The admin API's OpenAPI document, against a validator of the field and against what a gateway answers. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Check } from 'typebox/schema';
import { permissions, type Permission } from '#core/principal.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly 'x-permission': Permission | null;
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Record<string, { readonly schema: object }> }>
  >;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let gateway: TestGateway;
let document: Document;
before(async () => {
  gateway = await startTestGateway();
  document = (await (await gateway.admin('/openapi.json')).json()) as Document;
});
after(() => gateway.stop());

test('a validator takes it', async () => {
  const require = createRequire(new URL('../clients/package.json', import.meta.url));
  const { Validator } = require('@seriousme/openapi-schema-validator') as {
    Validator: new () => {
      readonly version: string;
      validate(document: object): Promise<{ valid: boolean; errors?: unknown }>;
    };
  };
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, '3.1');
});

test('each operation has its own name, says what it needs, takes and answers', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ line: `${method} ${path}`, method, operation })),
  );
  assert.ok(operations.length > 60);
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  for (const { line, method, operation } of operations) {
    const { summary, security, requestBody, responses } = operation;
    const permission = operation['x-permission'];
    assert.ok(summary.length > 5, line);
    assert.ok(Array.isArray(security), line);
    assert.ok(permission === null || permissions.includes(permission), line);
    const [status] = Object.keys(responses).filter((each) => each !== 'default');
    assert.match(status!, /^(200|201|204|302)$/, line);
    assert.ok(responses['default']!.content!['application/problem+json'], line);
    if (status === '200' || status === '201') assert.ok(responses[status]!.content, line);
    if (['put', 'patch'].includes(method)) assert.ok(requestBody, line);
  }
});

test('what is answered is what the document says', async () => {
  let checked = 0;
  for (const [path, { get }] of Object.entries(document.paths)) {
    if (!get || get['x-permission'] === null || path.includes('{')) continue;
    const answer = await gateway.admin(path);
    const text = await answer.text();
    if (path === '/v1/config/versions') {
      assert.equal(answer.status, 409, 'a file is the master');
      continue;
    }
    assert.equal(answer.status, 200, `${path}: ${text}`);
    const { schema } = get.responses['200']!.content!['application/json']!;
    assert.ok(Check(schema as never, JSON.parse(text)), `${path}: ${text}`);
    checked += 1;
  }
  assert.ok(checked > 18, `${checked}`);
  const made = await gateway.admin('/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'checked', project: 'web' }),
  });
  const { schema } = document.paths['/v1/keys']!['post']!.responses['201']!.content!['application/json']!;
  assert.ok(Check(schema as never, await made.json()));
});
