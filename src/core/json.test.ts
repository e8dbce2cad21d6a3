import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from './fault.ts';
import { refuseDuplicates, scanFields, scanItems, spliceFields } from './json.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 500;
const anyKey = fc.oneof(
  fc.constantFrom('model', 'stream', 'a"b', 'ключ', '__proto__', ''),
  fc.string({ unit: 'binary' }),
);
/**
 * Without a reverse solidus: once V8 14.6 has seen such a key, its JSON.parse takes other keys with escapes for it
 * (https://github.com/nodejs/node/issues/63785), and so cannot say what is right. Those keys have a test of their own.
 */
const key = anyKey.filter((text) => !text.includes('\\'));
const object = fc.dictionary(key, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 8, noNullPrototype: true });
const space = fc.constantFrom('', ' ', '\n\t', '\r\n  ');

/** Renders with white space anywhere it may stand. */
function loosely(value: Record<string, unknown>, gap: string): string {
  const fields = Object.entries(value).map(
    ([k, v]) => `${gap}${JSON.stringify(k)}${gap}:${gap}${JSON.stringify(v)}${gap}`,
  );
  return `${gap}{${fields.length ? fields.join(',') : gap}}${gap}`;
}

test('finds every top-level field where it stands', () => {
  fc.assert(
    fc.property(object, space, (value, gap) => {
      const text = loosely(value, gap);
      const bytes = Buffer.from(text);
      const fields = scanFields(bytes.toString('latin1'));
      const seen = fields.map(
        (f) => JSON.parse(bytes.subarray(f.valueStart, f.valueEnd).toString()) as unknown,
      );
      assert.equal(fields.length, Object.keys(value).length);
      assert.deepEqual(
        seen,
        Object.values(value).map((v) => JSON.parse(JSON.stringify(v)) as unknown),
      );
    }),
    { numRuns: runs, seed: 1 },
  );
});

test('keys with a reverse solidus are found and kept, letter by letter', () => {
  const text = String.raw`{"\\":{},"a\"b":1,"mode\u006c":"x","\u0000":{}}`;
  const fields = scanFields(text);
  assert.deepEqual(
    fields.map((field) => field.key),
    ['\\', 'a"b', 'model', '\0'],
  );
  const spliced = spliceFields(Buffer.from(text), fields, new Map([['model', '"y"']]));
  assert.equal(spliced.toString(), text.replace('"x"', '"y"'));
  const removed = spliceFields(Buffer.from(text), fields, new Map([['a"b', null]]));
  assert.equal(removed.toString(), text.replace(String.raw`"a\"b":1,`, ''));
});

test('splicing is the same as parsing, changing and rendering, and keeps all other bytes', () => {
  const edits = fc.dictionary(
    fc.constantFrom('model', 'stream', 'stream_options', 'x'),
    fc.option(fc.jsonValue()),
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(object, edits, space, (value, changes, gap) => {
      const bytes = Buffer.from(loosely(value, gap));
      const fields = scanFields(bytes.toString('latin1'));
      const map = new Map(
        Object.entries(changes).map(([k, v]) => [k, v === null ? null : JSON.stringify(v)]),
      );
      const spliced = spliceFields(bytes, fields, map);
      const expected = new Map(Object.entries(JSON.parse(bytes.toString()) as object));
      for (const [k, v] of map) {
        if (v === null) expected.delete(k);
        else expected.set(k, JSON.parse(v));
      }
      const got = new Map(Object.entries(JSON.parse(spliced.toString()) as object));
      assert.deepEqual([...got].sort(byKey), [...expected].sort(byKey));
      if (map.size === 0) assert.ok(spliced.equals(bytes));
    }),
    { numRuns: runs, seed: 2 },
  );
});

const byKey = (a: [string, unknown], b: [string, unknown]) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

test('an interpreted key given twice is refused, however it is spelt', () => {
  for (const body of [
    '{"model":"a","model":"b"}',
    '{"model":"a","mod\\u0065l":"b"}',
    '{"x":{"model":1},"model":"a","y":[],"model":"a"}',
  ]) {
    const refused = () => refuseDuplicates(scanFields(body), ['model']);
    assert.throws(
      refused,
      (error: unknown) => error instanceof Fault && error.code === 'request/duplicate-key',
    );
  }
  refuseDuplicates(scanFields('{"model":"a","x":{"model":"b"},"y":1,"y":2}'), ['model']);
});

test('a deep document is scanned without recursion', () => {
  const deep = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)},"model":"m"}`;
  assert.deepEqual(
    scanFields(deep).map((f) => f.key),
    ['a', 'model'],
  );
});

test('the items of a list are found where they stand, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(2), (list, indent) => {
      const text = Buffer.from(JSON.stringify({ a: [1], list }, null, indent)).toString('latin1');
      const { valueStart } = scanFields(text)[1]!;
      const items = scanItems(text, valueStart).map(({ start, end }) => text.slice(start, end));
      const parsed = items.map((item) => JSON.parse(Buffer.from(item, 'latin1').toString()) as unknown);
      assert.deepEqual(JSON.stringify(parsed), JSON.stringify(list));
    }),
    { numRuns: runs, seed: 3 },
  );
  assert.deepEqual(scanItems('{}'), []);
  assert.deepEqual(scanItems(' [ ] '), []);
});
