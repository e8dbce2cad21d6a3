import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileJsonPath, maxMatches } from './json-path.ts';

const store = {
  store: {
    book: [
      { category: 'reference', author: 'Nigel Rees', price: 8.95 },
      { category: 'fiction', author: 'Evelyn Waugh', price: 12.99 },
      { category: 'fiction', author: 'Herman Melville', isbn: '0-553', price: 8.99 },
    ],
    bicycle: { color: 'red', price: 399 },
  },
};
const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

const read = (path: string, document: unknown): unknown => compileJsonPath(path).read(document);

test('what RFC 9535 gives as examples is found, in its order', () => {
  assert.deepEqual(read('$', store), [store]);
  assert.deepEqual(read('$.store.book[*].author', store), ['Nigel Rees', 'Evelyn Waugh', 'Herman Melville']);
  assert.deepEqual(read('$..author', store), ['Nigel Rees', 'Evelyn Waugh', 'Herman Melville']);
  assert.deepEqual(read('$.store.*', store), [store.store.book, store.store.bicycle]);
  assert.deepEqual(read('$.store..price', store), [8.95, 12.99, 8.99, 399]);
  assert.deepEqual(read('$..book[-1].isbn', store), ['0-553']);
  assert.deepEqual(read('$..book[0, 1]["price"]', store), [8.95, 12.99]);
  assert.deepEqual(read("$ ['store'] .bicycle [ 'color' ]", store), ['red']);
  assert.deepEqual(read('$[1:3]', letters), ['b', 'c']);
  assert.deepEqual(read('$[5:]', letters), ['f', 'g']);
  assert.deepEqual(read('$[1:5:2]', letters), ['b', 'd']);
  assert.deepEqual(read('$[5:1:-2]', letters), ['f', 'd']);
  assert.deepEqual(read('$[::-1]', letters), [...letters].reverse());
  assert.deepEqual(read('$[::0]', letters), []);
  assert.deepEqual(read('$[0,0]', letters), ['a', 'a']);
  const nested = { o: { j: 1, k: 2 }, a: [5, 3, [{ j: 4 }, { k: 6 }]] };
  assert.deepEqual(read('$..j', nested), [1, 4]);
  assert.deepEqual(read('$..[0]', nested), [5, { j: 4 }]);
  assert.deepEqual(read('$.o..[*, *]', nested), [1, 2, 1, 2]);
  assert.deepEqual(read('$["\\u00e9\\t\\"\\uD83D\\uDE00"]', { 'é\t"😀': 1 }), [1]);
  assert.deepEqual(read('$.ключ', { ключ: 1 }), [1]);
});

test('what is not there is no match, and what an object inherits is not there', () => {
  for (const path of ['$.constructor', '$.length', '$["__proto__"]', '$[0]', '$.toString.name'])
    assert.deepEqual(read(path, {}), [], path);
  assert.deepEqual(read('$.length', letters), []);
  assert.deepEqual(read('$["0"]', letters), []);
  assert.deepEqual(read('$.__proto__.a', JSON.parse('{"__proto__":{"a":1}}')), [1]);
  for (const index of [7, -8]) assert.deepEqual(read(`$[${index}]`, letters), []);
});

test('what is no path is refused with the place and what was expected there', () => {
  const refused: Record<string, RegExp> = {
    '': /expected "\$", got the end of the path, at character 1/,
    ' $': /expected "\$".* at character 1$/,
    '$ ': /expected the end of the path, got " ", at character 2/,
    '$.': /expected a name or "\*", got the end of the path, at character 3/,
    '$. a': /expected a name or "\*".* at character 3/,
    $a: /expected "\.", "\.\." or "\[", got "a", at character 2/,
    '$.1a': /expected a name/,
    '$..': /expected a name, "\*" or "\["/,
    '$[01]': /expected an integer .* at character 3/,
    '$[-0]': /expected an integer/,
    '$[9007199254740992]': /expected an integer/,
    '$[a]': /expected a quoted name, an index, a slice or "\*", got "a\]", at character 3/,
    '$[?@.a]': /there are no filters/,
    '$["a': /expected the closing "/,
    '$["\\x"]': /expected an escape/,
    "$['\\\"']": /expected an escape/,
    '$["\\uD800"]': /expected a name of whole characters, .* at character 3/,
    '$["\n"]': /expected no control character/,
    '$[1': /expected "," or "\]"/,
    '$[]': /expected a quoted name/,
    '$[1,]': /expected a quoted name/,
    '$[1:2:3:4]': /expected "," or "\]"/,
  };
  for (const [path, said] of Object.entries(refused))
    assert.throws(
      () => compileJsonPath(path),
      (thrown) => thrown instanceof SyntaxError && said.test(thrown.message),
      path,
    );
});

/** A path of names and indexes, with the text of each written in one of its ways. */
const step = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 6 }).filter((name) => name.isWellFormed()),
  fc.constantFrom('a', 'b', '__proto__', 'constructor', ''),
  fc.integer({ min: 0, max: 4 }),
);

test('each place of any document is found by its own path alone, and by descending', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const document: unknown = JSON.parse(JSON.stringify(value));
      const all = compileJsonPath('$..*').find(document)!;
      const walked = everyPlace(document, []);
      assert.equal(all.length, walked.length);
      for (const { steps, value: expected } of walked) {
        const path = compileJsonPath(
          `$${steps.map((each) => `[${typeof each === 'string' ? JSON.stringify(each) : each}]`).join('')}`,
        );
        assert.deepEqual(path.steps, steps);
        const [place, ...more] = path.find(document)!;
        assert.equal(more.length, 0);
        assert.equal(place!.value, expected);
        assert.equal((place!.parent as Record<string | number, unknown>)[place!.key], expected);
        assert.ok(all.some((other) => other.parent === place!.parent && other.key === place!.key));
      }
    }),
    { numRuns: process.env.SLUICE_LONG ? 5000 : 200, seed: 9535 },
  );
});

function everyPlace(
  value: unknown,
  steps: readonly (string | number)[],
): { steps: readonly (string | number)[]; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((each, i) => [i, each as unknown])
    : Object.entries(value);
  return entries.flatMap(([key, child]) => [
    { steps: [...steps, key], value: child },
    ...everyPlace(child, [...steps, key]),
  ]);
}

test('a slice chooses what the same walk over indexes chooses', () => {
  const bound = fc.option(fc.integer({ min: -9, max: 9 }), { nil: null });
  fc.assert(
    fc.property(bound, bound, fc.integer({ min: -3, max: 3 }), (start, end, stride) => {
      const found = read(`$[${start ?? ''}:${end ?? ''}:${stride}]`, letters);
      const chosen = letters.filter((_, i) => {
        if (stride === 0) return false;
        const at = (index: number) => (index < 0 ? letters.length + index : index);
        const from = start === null ? (stride > 0 ? 0 : letters.length - 1) : at(start);
        const first = stride > 0 ? Math.max(from, 0) : Math.min(from, letters.length - 1);
        const to = end === null ? (stride > 0 ? letters.length : -1) : at(end);
        return (stride > 0 ? i >= first && i < to : i <= first && i > to) && (i - first) % stride === 0;
      });
      assert.deepEqual(found, stride < 0 ? chosen.reverse() : chosen);
    }),
    { numRuns: process.env.SLUICE_LONG ? 10_000 : 500, seed: 9536 },
  );
});

test('any text is a path or refused as none, and any path of any document ends', () => {
  const sign = fc.constantFrom(
    '$',
    '.',
    '..',
    '[',
    ']',
    '*',
    '0',
    '-1',
    ':',
    ',',
    '"a"',
    "'b'",
    'a',
    ' ',
    '\\',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(sign, { maxLength: 12 }).map((signs) => `$${signs.join('')}`),
    fc
      .array(step, { maxLength: 5 })
      .map((steps) => `$${steps.map((each) => `[${JSON.stringify(each)}]`).join('')}`),
  );
  fc.assert(
    fc.property(text, fc.jsonValue({ maxDepth: 4 }), (source, document) => {
      let path;
      try {
        path = compileJsonPath(source);
      } catch (thrown) {
        assert.ok(thrown instanceof SyntaxError);
        assert.match(thrown.message, /at character \d+$/);
        return;
      }
      assert.ok(path.find(document) !== null);
    }),
    { numRuns: process.env.SLUICE_LONG ? 50_000 : 2000, seed: 9537 },
  );
});

test('work is bounded: too many matches, paths that multiply, and documents of any depth', () => {
  const wide = Array.from({ length: maxMatches + 1 }, () => 0);
  assert.equal(read('$[*]', wide), null);
  assert.equal((read('$[:10000]', wide) as unknown[]).length, maxMatches);
  assert.equal(read(`$${'[*,*]'.repeat(30)}`, [[[[[1]]]]])?.constructor, Array);
  let deep: unknown = 1;
  for (let i = 0; i < 50_000; i++) deep = [deep];
  assert.equal(read('$..a', deep)?.constructor, Array);
  assert.equal(read('$..[*]..[*]', deep), null);
  assert.equal(read(`$${'..*'.repeat(20)}`, deep), null);
  assert.throws(() => compileJsonPath(`$${'.a'.repeat(2000)}`), /at most 2048 characters/);
  assert.throws(() => compileJsonPath(`$${'[0]'.repeat(300)}`), /at most 200 selectors/);
});
