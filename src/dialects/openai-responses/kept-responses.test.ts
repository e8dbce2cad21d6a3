import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptResponses } from './kept-responses.ts';

test('the latest answers are kept within the bound, the last one in any case', () => {
  const kept = new KeptResponses(80);
  const item = (text: string) => ({ type: 'message', role: 'user', content: text });
  kept.add('a', [item('1')], []);
  kept.add('b', [item('2')], []);
  assert.equal(kept.find('a'), null);
  assert.deepEqual(kept.find('b'), [item('2')]);
  kept.add('c', [item('x'.repeat(500))], []);
  assert.equal(kept.find('b'), null);
  assert.equal(kept.find('c')?.length, 1);
});

test('reasoning goes back with its state, or not at all', () => {
  const kept = new KeptResponses(10_000);
  const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'abc' };
  const bare = { type: 'reasoning', id: 'rs_2', summary: [{ type: 'summary_text', text: 'hm' }] };
  kept.add('a', [], [sealed, bare]);
  assert.deepEqual(kept.find('a'), [sealed]);
});
