import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openState } from '#core/opaque-state.ts';
import { replaceState } from './replace-state.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

test('what names a thing that is kept is found with its place, and its body holds a word that says to look', () => {
  const named: readonly [body: Record<string, unknown>, path: string][] = [
    [
      {
        input: [
          { role: 'user', content: 'x' },
          { type: 'item_reference', id: 'msg_1' },
        ],
      },
      'input[1].id',
    ],
    [{ input: [{ id: 'msg_1' }] }, 'input[0].id'],
    [{ input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, 'input[0].id'],
    [{ input: [{ type: 'image_generation_call', id: 'ig_1' }] }, 'input[0].id'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'file-1' }] }] },
      'input[0].content[0].file_id',
    ],
    [{ tools: [{ type: 'file_search', vector_store_ids: ['vs'] }] }, 'tools[0].vector_store_ids'],
    [{ tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }, 'tools[0].container'],
    [
      { tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['f'] } }] },
      'tools[0].container.file_ids',
    ],
  ];
  for (const [body, path] of named) {
    assert.deepEqual(findVendorIds(body), [path]);
    const text = JSON.stringify(body);
    assert.match(text, vendorIdWords!);
  }
  for (const key of ['previous_response_id', 'conversation', 'prompt'])
    assert.deepEqual(findVendorIds({ [key]: 'x', input: 'y' }), [key]);
  assert.deepEqual(findVendorIds({ store: true, background: true }), ['store', 'background']);
});

test('what a client sends back of its own history names nothing', () => {
  const body = {
    store: false,
    background: false,
    previous_response_id: null,
    input: [
      { id: 'msg_1', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'x' }] },
      { id: 'msg_2', role: 'assistant', content: 'x' },
      { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'e' },
      { id: 'rs_2', type: 'reasoning', summary: [{ type: 'summary_text', text: 'x' }] },
      { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'file_id', arguments: '{"file_id":1}' },
    ],
    tools: [{ type: 'function', name: 'f', parameters: { properties: { file_id: {} } } }],
  };
  assert.deepEqual(findVendorIds(body), []);
});

test('marked reasoning goes back to its maker alone, and without the id that was given here', () => {
  const message = { role: 'user', content: 'x' };
  const reasoning = (encrypted_content: string) => ({
    id: 'rs_1',
    type: 'reasoning',
    summary: [],
    encrypted_content,
  });
  const body = {
    input: [message, reasoning('slc1:p:a'), reasoning('slc1:q:b'), reasoning('bare')],
  };
  const edits = replaceState(body, (state) => openState(state, 'p', 'keep'));
  assert.deepEqual(JSON.parse(edits.get('input')!), [
    message,
    { type: 'reasoning', summary: [], encrypted_content: 'a' },
    reasoning('bare'),
  ]);
  assert.equal(replaceState({ input: 'slc1:' }, () => null).size, 0);
});
