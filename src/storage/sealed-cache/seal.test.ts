import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Seal } from './seal.ts';

const runs = process.env['SLUICE_LONG'] ? 2000 : 100;
const seal = new Seal(new Uint8Array(32).fill(1));

test('what is sealed opens to what it was, and is never twice the same', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.uint8Array({ maxLength: 5000 }), (project, place, plain) => {
      const sealed = seal.seal(project, place, plain);
      assert.ok(Buffer.from(plain).equals(seal.open(project, place, sealed)));
      assert.ok(!Buffer.from(sealed).equals(seal.seal(project, place, plain)));
    }),
    { numRuns: runs, seed: 1 },
  );
});

test('it opens nowhere else, for nobody else, and in no other form', () => {
  const sealed = seal.seal('web', 'here', 'an answer');
  assert.throws(() => seal.open('shop', 'here', sealed));
  assert.throws(() => seal.open('web', 'there', sealed));
  assert.throws(() => new Seal(new Uint8Array(32).fill(2)).open('web', 'here', sealed));
  assert.throws(() => seal.open('web', 'here', sealed.subarray(0, 20)));
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice();
    changed[i]! ^= 1;
    assert.throws(() => seal.open('web', 'here', changed), `byte ${i}`);
  }
});

test('marks tell texts and projects apart, and are the same for the same', () => {
  assert.equal(seal.mark('web', 'x'), new Seal(new Uint8Array(32).fill(1)).mark('web', 'x'));
  assert.notEqual(seal.mark('web', 'x'), seal.mark('shop', 'x'));
  assert.notEqual(seal.mark('web', 'x'), seal.mark('web', 'y'));
});
