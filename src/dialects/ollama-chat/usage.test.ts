import assert from 'node:assert/strict';
import { test } from 'node:test';
import { totalsOf } from '#core/usage.ts';
import { parseUsage } from './usage.ts';

test('a prompt that was evaluated before has no count: the usage is a part, and says so', () => {
  const usage = parseUsage({ eval_count: 3, eval_duration: 7 });
  assert.ok(usage);
  assert.equal(usage.source, 'provider_partial');
  assert.deepEqual(usage.flags, ['no-input-count']);
  assert.deepEqual(totalsOf(usage.lines), { input: 0, output: 3, cacheRead: 0, cacheWrite: 0, reasoning: 0 });
  assert.deepEqual(usage.raw, { eval_count: 3, eval_duration: 7 });
});

test('a line without counts has no usage', () => {
  assert.equal(parseUsage({ done: true, done_reason: 'load', total_duration: 1 }), null);
});
