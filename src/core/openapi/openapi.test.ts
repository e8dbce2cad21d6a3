import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SchemaProblem } from '../json-schema/schema-dialect.ts';
import { OperationCompiler } from './compile-operation.ts';
import { OperationPaths } from './operation-paths.ts';
import { readPairs, readPathParameter, readQueryParameter, type ParameterStyle } from './parameter-styles.ts';
import { readApi } from './read-api.ts';
import { shapeOf } from './value-shape.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 100;

const schemas = {
  scalar: { type: 'integer' },
  list: { type: 'array', items: { type: 'string' } },
  object: {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'string' }, c: { type: 'boolean' } },
  },
};
const values = {
  scalar: fc.integer(),
  list: fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1, maxLength: 4 }),
  object: fc.record({ a: fc.integer(), b: fc.string({ minLength: 1 }), c: fc.boolean() }),
};
type Kind = keyof typeof schemas;

/** What these styles cannot say: their delimiters within a value. */
const undelimited = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(/[ |]/g, '_'));

const encoded = (text: string) =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[.!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16)}`,
  );

/** As OpenAPI 3.1 §4.8.12.4 writes them. */
function written({ name, style, explode }: ParameterStyle, value: unknown): string {
  const text = (part: unknown) => encoded(String(part));
  const entries = Object.entries(value as object).map(([key, part]) => [text(key), text(part)] as const);
  const by = { spaceDelimited: '%20', pipeDelimited: '|' }[style] ?? ',';
  if (style === 'deepObject') return entries.map(([key, part]) => `${name}%5B${key}%5D=${part}`).join('&');
  const isForm = ['form', 'spaceDelimited', 'pipeDelimited'].includes(style);
  const begin = isForm ? `${name}=` : style === 'label' ? '.' : style === 'matrix' ? ';' : '';
  const between = !explode ? by : isForm ? '&' : style === 'label' ? '.' : style === 'matrix' ? ';' : ',';
  const named = style === 'matrix' ? `${name}=` : '';
  if (typeof value !== 'object') return `${begin}${named}${text(value)}`;
  if (Array.isArray(value)) {
    const each = explode && (isForm || style === 'matrix') ? `${name}=` : '';
    const items = value.map((item) => `${each}${text(item)}`).join(between);
    return `${isForm && explode ? '' : begin}${explode ? '' : named}${items}`;
  }
  if (explode) return `${isForm ? '' : begin}${entries.map(([key, part]) => `${key}=${part}`).join(between)}`;
  return `${begin}${named}${entries.flat().join(between)}`;
}

const cases: readonly (readonly [ParameterStyle['place'], string, readonly boolean[], readonly Kind[]])[] = [
  ['query', 'form', [true, false], ['scalar', 'list', 'object']],
  ['query', 'spaceDelimited', [false], ['list', 'object']],
  ['query', 'pipeDelimited', [false], ['list', 'object']],
  ['query', 'deepObject', [true], ['object']],
  ['path', 'simple', [true, false], ['scalar', 'list', 'object']],
  ['path', 'label', [true, false], ['scalar', 'list', 'object']],
  ['path', 'matrix', [true, false], ['scalar', 'list', 'object']],
];

test('what is written in a style is read as it was meant', () => {
  for (const [place, style, explodes, kinds] of cases)
    for (const explode of explodes)
      for (const kind of kinds) {
        const shape = shapeOf(schemas[kind], (schema) => schema);
        const parameter: ParameterStyle = { name: 'x', place, style, explode, shape };
        fc.assert(
          fc.property(values[kind] as fc.Arbitrary<unknown>, (any) => {
            const value = style.endsWith('Delimited') ? undelimited(any) : any;
            const text = written(parameter, value);
            const read =
              place === 'query'
                ? readQueryParameter(parameter, readPairs(text))
                : readPathParameter(parameter, text);
            const meant = JSON.parse(
              JSON.stringify(value, (_, part: unknown) =>
                typeof part === 'string' ? part.toWellFormed() : part,
              ),
            ) as unknown;
            assert.deepEqual(read, { value: meant }, `${style} ${String(explode)} ${text}`);
          }),
          { numRuns: Math.ceil(runs / 10) },
        );
      }
});

test('an operation is found by the template that says most', () => {
  const paths = new OperationPaths<string>();
  const templates = ['/a/{x}', '/a/b', '/a/{x}.json', '/a/{x}-{y}.json', '/{z}/b/{x}', '/a/{x}/c', '/'];
  for (const template of templates) paths.add(template, 'GET', template);
  const found = (path: string, method = 'GET') => {
    const answer = paths.find(method, path);
    return 'operation' in answer ? [answer.operation, Object.fromEntries(answer.values)] : answer.allowed;
  };
  assert.deepEqual(found('/a/b'), ['/a/b', {}]);
  assert.deepEqual(found('/a/1'), ['/a/{x}', { x: '1' }]);
  assert.deepEqual(found('/a/1.json'), ['/a/{x}.json', { x: '1' }]);
  assert.deepEqual(found('/a/1-2.json'), ['/a/{x}-{y}.json', { x: '1', y: '2' }]);
  assert.deepEqual(found('/a/b/c'), ['/a/{x}/c', { x: 'b' }]);
  assert.deepEqual(found('/a/b/d'), ['/{z}/b/{x}', { z: 'a', x: 'd' }]);
  assert.deepEqual(found('/'), ['/', {}]);
  assert.deepEqual(found('/a/'), []);
  assert.deepEqual(found('/a/b', 'PUT'), ['GET']);
});

test('an arbitrary document is read, or refused with a reason', () => {
  const words = fc.constantFrom(
    ...[
      'paths',
      '/a/{b}',
      '/c',
      'get',
      'post',
      'parameters',
      'name',
      'in',
      'query',
      'path',
      'schema',
      'type',
      'object',
      'array',
    ],
    ...[
      'properties',
      'items',
      '$ref',
      '#/paths',
      '#/components/x',
      'https://a.test/x',
      'requestBody',
      'content',
      'application/json',
    ],
    ...[
      'responses',
      '200',
      'default',
      'headers',
      'oneOf',
      'pattern',
      '(',
      'a+',
      'required',
      'servers',
      'url',
      'components',
      'style',
      'deepObject',
      'discriminator',
      'propertyName',
    ],
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      words,
      fc.constantFrom<unknown>(null, true, 7, '', -1.5, [], {}),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc
        .array(fc.tuple(words, tie('tree')), { maxLength: 4 })
        .map((pairs) => Object.fromEntries(pairs) as unknown),
    ),
  }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(words, tree), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs) as object),
      fc.array(words, { maxLength: 3 }).map((parts) => parts.join('/')),
      (parts, path) => {
        try {
          const api = readApi({ entry: 'x', documents: { x: { openapi: '3.1.0', ...parts } } });
          const compiler = new OperationCompiler(api, {});
          const paths = new OperationPaths<string>();
          for (const each of api.operations) {
            paths.add(each.template, each.method, each.id);
            compiler.compile(each);
          }
          paths.find('GET', `/${path}`);
        } catch (error) {
          assert.ok(error instanceof SchemaProblem, String((error as Error).stack));
        }
      },
    ),
    { numRuns: runs },
  );
});
