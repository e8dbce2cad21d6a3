import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { longestMatch, Mask, masked } from './mask.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 300;

test('no secret that a pattern matches is left, wherever the text is cut', () => {
  const mask = new Mask({ patterns: ['sk-[a-z0-9]{8,}', '[0-9]{16}'] });
  const secret = fc.oneof(fc.stringMatching(/^sk-[a-z0-9]{8,20}$/), fc.stringMatching(/^[0-9]{16}$/));
  const word = fc.stringMatching(/^[A-Z ]{0,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(word, secret), { maxLength: 6 }), fc.nat(200), (pairs, cut) => {
      const text = pairs.map(([before, after]) => `${before} ${after} `).join('');
      const shown = mask.text(text, Math.min(cut, text.length));
      for (const [, hidden] of pairs) assert.ok(!shown.includes(hidden.slice(0, 7)), shown);
      assert.ok(shown.length <= cut + masked.length);
      const whole = pairs.map(([before]) => `${before} ${masked} `).join('');
      assert.equal(mask.text(text), whole);
    }),
    { numRuns: runs, seed: 3 },
  );
});

test('members go by name, at any depth and in any case; broken JSON is left out where there are some', () => {
  const mask = new Mask({ fields: ['Card', 'ssn'], patterns: ['secret'] });
  const value = {
    a: [{ CARD: { number: 1 }, b: 'a secret' }],
    ssn: null,
    toString: 'x',
    __proto__: { card: 1 },
  };
  assert.deepEqual(mask.value(value), {
    a: [{ CARD: masked, b: `a ${masked}` }],
    ssn: masked,
    toString: 'x',
  });
  assert.equal(mask.json('{"card":"4000"}', 100), `{"card":"${masked}"}`);
  assert.equal(mask.json('{"card":"40', 100), masked);
  assert.equal(new Mask({ patterns: ['secret'] }).json('{"x":"a secret', 100), `{"x":"a ${masked}`);
});

test('time is linear in the text, also for a pattern that takes long to fail; others may mask, too', () => {
  const mask = new Mask({ patterns: ['(a|aa)+b', 'x{5}'] }, [
    { mask: (text) => text.replaceAll('Bob', 'N.N.') },
  ]);
  assert.equal(mask.text(`${'a'.repeat(20_000)} xxxxxx Bob`), `${'a'.repeat(20_000)} ${masked}x N.N.`);
  const long = 'a'.repeat(longestMatch * 2);
  assert.equal(mask.text(`${long}b`), `${'a'.repeat(longestMatch + 1)}${masked}`);
  assert.throws(() => new Mask({ patterns: ['('] }), SyntaxError);
});
