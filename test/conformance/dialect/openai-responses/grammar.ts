import assert from 'node:assert/strict';

type Json = Record<string, unknown>;

const textEvents: Readonly<Record<string, { readonly delta: string; readonly field: string }>> = {
  'response.output_text.done': { delta: 'response.output_text.delta', field: 'text' },
  'response.refusal.done': { delta: 'response.refusal.delta', field: 'refusal' },
  'response.function_call_arguments.done': {
    delta: 'response.function_call_arguments.delta',
    field: 'arguments',
  },
  'response.reasoning_summary_text.done': {
    delta: 'response.reasoning_summary_text.delta',
    field: 'text',
  },
};
const partEvents = ['response.content_part', 'response.reasoning_summary_part'];

/**
 * Numbered in order; items one after another, their parts within them; what ends a text, a part, an item or the response says
 * all of it again. https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function responsesGrammar(stream: string): void {
  assert.ok(stream.endsWith('\n\n'), 'the last event is not complete');
  const events = stream
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      const match = /^event: (?<name>[\w.]+)\ndata: (?<data>[^\r\n]*)$/.exec(event);
      assert.ok(match?.groups, `not an event: ${event}`);
      const body = JSON.parse(match.groups['data']!) as Json;
      assert.equal(body['type'], match.groups['name']);
      return body;
    });
  events.forEach((event, i) => assert.equal(event['sequence_number'], i, 'events are numbered in order'));
  const [created, progress] = events.splice(0, 2) as [Json, Json];
  assert.deepEqual(
    [created['type'], progress['type']],
    ['response.created', 'response.in_progress'],
    'a response is created and in progress',
  );
  const last = events.pop()!;
  const response = last['response'] as Json;
  assert.equal(last['type'], `response.${String(response['status'])}`);
  assert.equal(response['id'], (created['response'] as Json)['id'], 'the id changes');
  if (response['usage'] !== null) assert.equal(typeof (response['usage'] as Json)['total_tokens'], 'number');

  const done: unknown[] = [];
  let item: Json | null = null;
  const parts = new Map<string, Json>();
  const texts = new Map<string, string>();
  for (const event of events) {
    const type = String(event['type']);
    assert.equal(event['output_index'], done.length, 'items are numbered in order');
    if (type === 'response.output_item.added') {
      assert.equal(item, null, 'an item begins within another');
      item = event['item'] as Json;
      assert.equal(item['status'], 'in_progress');
      continue;
    }
    assert.ok(item, `${type} outside of an item`);
    if (type === 'response.output_item.done') {
      const whole = event['item'] as Json;
      assert.deepEqual([whole['id'], whole['type']], [item['id'], item['type']]);
      assert.equal(parts.size, 0, 'a part is open at the end of its item');
      done.push(whole);
      item = null;
      continue;
    }
    assert.equal(event['item_id'], item['id']);
    const at = `${String(event['content_index'])}/${String(event['summary_index'])}`;
    const part = partEvents.find((name) => type.startsWith(`${name}.`));
    if (part && type.endsWith('.added')) {
      assert.ok(!parts.has(at), 'a part begins twice');
      parts.set(at, event['part'] as Json);
    } else if (part) {
      const { type: kind } = event['part'] as Json;
      assert.equal(kind, parts.get(at)?.['type'], 'a part ends that did not begin');
      parts.delete(at);
    } else if (type.endsWith('.delta')) {
      if (item['type'] !== 'function_call') assert.ok(parts.has(at), 'a text outside of its part');
      texts.set(at + type, (texts.get(at + type) ?? '') + String(event['delta']));
    } else if (type in textEvents) {
      const { delta, field } = textEvents[type]!;
      assert.equal(event[field], texts.get(at + delta) ?? '', 'a text does not end as it was told');
      texts.delete(at + delta);
    } else assert.equal(type, 'response.output_text.annotation.added');
  }
  assert.equal(item, null, 'an item is open at the end');
  assert.deepEqual(response['output'], done, 'the response does not end as it was told');
}
