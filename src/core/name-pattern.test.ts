import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern as fits } from './name-pattern.ts';

test('patterns of names', () => {
  assert.ok(
    fits('*', '') && fits('a*', 'a') && fits('a*c*e', 'abcde') && fits('*/x', 'p/x') && fits('a', 'a'),
  );
  assert.ok(
    !fits('a*', 'ba') && !fits('a*a', 'a') && !fits('a*b*b', 'ab') && !fits('a', 'ab') && !fits('.', 'x'),
  );
});
