import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findMedia } from './inlined-media.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 300;

/** The same, said plainly. */
function modelOf(text: string) {
  const found = text.match(/"[A-Za-z0-9+/=:;,._-]{4096,}"/g) ?? [];
  return { count: found.length, characters: found.reduce((sum, literal) => sum + literal.length, 0) };
}

test('inlined media are found wherever they stand, and nothing else is', () => {
  const literal = fc.oneof(
    fc.integer({ min: 4090, max: 4102 }).map((length) => 'A'.repeat(length)),
    fc.integer({ min: 1, max: 20_000 }).map((length) => `data:image/png;base64,${'a+/9'.repeat(length)}`),
    fc.integer({ min: 0, max: 9000 }).map((length) => 'two words '.repeat(length / 10)),
    fc.string({ maxLength: 50 }),
    fc.integer({ min: 4000, max: 9000 }).map((length) => `${'A'.repeat(length)}\n${'B'.repeat(length)}`),
  );
  fc.assert(
    fc.property(
      fc.array(literal, { maxLength: 8 }),
      fc.integer({ min: 0, max: 4200 }),
      (literals, before) => {
        const text = Buffer.from(' '.repeat(before) + JSON.stringify({ literals })).toString('latin1');
        assert.deepEqual(findMedia(text), modelOf(text));
      },
    ),
    { numRuns: runs, seed: 1 },
  );
});
