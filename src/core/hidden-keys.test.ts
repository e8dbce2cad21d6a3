import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from './fault.ts';
import { mayHide, refuseHiddenKeys, wordsPattern } from './hidden-keys.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 500;
const refusalOf = (text: string): string | null => {
  try {
    refuseHiddenKeys(text);
    return null;
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
};

test('a key twice in one object is refused at any depth, and in two objects it is not', () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"x":[{"file":{"file_id":"f"},"file":{}}]}',
    ' { "x" : { "b" : "," , "c" : [ ] , "b" : null } } ',
    '{"x":{"b\\"":1,"b\\"":2}}',
    '[[{"a":{},"a":[]}]]',
  ])
    assert.equal(refusalOf(text), 'request/duplicate-key', text);
  for (const text of [
    '{"a":{"a":{"a":"a"}},"b":["a","a",{"a":1},{"a":1}]}',
    '{"a":"\\"a\\":1,\\"a\\"","b":"{\\"a\\":1,"}',
    '"a"',
    '{}',
  ])
    assert.equal(refusalOf(text), null, text);
});

test('a key whose letters are escapes is refused; a value may be written so, and so may other characters', () => {
  assert.equal(refusalOf('{"file\\u005fid":"x"}'), 'request/invalid-field');
  assert.equal(refusalOf('{"x":[{"\\u0066ile":1}]}'), 'request/invalid-field');
  assert.equal(refusalOf(String.raw`{"c:\\u0061":1}`), null);
  assert.equal(refusalOf(String.raw`{"c:\\\u0061":1}`), 'request/invalid-field');
  assert.equal(refusalOf('{"a":"file\\u005fid","\\u003cb\\u003e":1,"\\u4f60":2,"c\\n":3}'), null);
});

test('what JSON.stringify renders is never refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = Buffer.from(JSON.stringify(value)).toString('latin1');
      assert.equal(refusalOf(text), null);
    }),
    { numRuns: runs, seed: 1 },
  );
});

test('a copy of any key in any object is found', () => {
  const member = fc.dictionary(fc.stringMatching(/^[a-z"\\,{]{1,4}$/), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(member, fc.nat(), (object, n) => {
      const keys = Object.keys(object).map((key) => JSON.stringify(key));
      const doubled = `[{"z":[${JSON.stringify(object).slice(0, -1)},${keys[n % keys.length]}:0}]}]`;
      assert.equal(refusalOf(Buffer.from(doubled).toString('latin1')), 'request/duplicate-key');
    }),
    { numRuns: runs, seed: 2 },
  );
});

test('a document that is deep is read without recursion', () => {
  assert.equal(refusalOf(`${'{"a":['.repeat(100_000)}1${']}'.repeat(100_000)}`), null);
});

test('only what holds a word, or could be one in disguise, is looked at', () => {
  for (const words of [['file_id'], ['"file_id"', '"id"'], ['a.b', '"file_id"']]) {
    const pattern = wordsPattern(words);
    assert.equal(mayHide('{"file_id":1}', pattern), true);
    assert.equal(mayHide('{"file\\u005Fid":1}', pattern), true);
    assert.equal(mayHide('{"a":"\\u00e9 \\u4f60 \\u003c \\n axb"}', pattern), false);
  }
  assert.equal(mayHide('{"file_id":1}', wordsPattern([])), false);
});
