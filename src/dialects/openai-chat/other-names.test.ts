import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fittingId, otherNames } from './other-names.ts';

test('the field that a provider knows takes the value; what it has itself stays', () => {
  const quirks = { maxTokensField: 'max_tokens', seedField: 'random_seed' };
  assert.deepEqual(
    [...otherNames({ max_completion_tokens: 9, seed: 7 }, quirks)],
    [
      ['max_completion_tokens', null],
      ['max_tokens', '9'],
      ['seed', null],
      ['random_seed', '7'],
    ],
  );
  assert.deepEqual(
    [...otherNames({ max_completion_tokens: 9, max_tokens: 5 }, quirks)],
    [['max_completion_tokens', null]],
  );
  assert.deepEqual([...otherNames({ max_completion_tokens: 9, seed: 7, tool_choice: 'any' }, {})], []);
});

test('ids fit as they are, or always become the same others', () => {
  assert.equal(fittingId('aB3dE6gH9', 9), 'aB3dE6gH9');
  assert.equal(fittingId('call_1', undefined), 'call_1');
  const made = Array.from({ length: 2000 }, (_, i) => fittingId(`call_${i}`, 9));
  for (const id of made) assert.match(id, /^[A-Za-z0-9]{9}$/);
  assert.equal(new Set(made).size, made.length);
  assert.equal(fittingId('call_7', 9), made[7]);
});
