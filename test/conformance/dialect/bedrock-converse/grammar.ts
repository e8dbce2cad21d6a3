import assert from 'node:assert/strict';
import { framesOf } from './frames.ts';

type Json = Record<string, unknown>;

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
export function bedrockGrammar(stream: string): void {
  const events = framesOf(stream).map(({ headers, payload }) => {
    assert.equal(headers[':message-type'], 'event');
    assert.equal(headers[':content-type'], 'application/json');
    return { type: headers[':event-type']!, payload };
  });
  assert.deepEqual(events.shift(), { type: 'messageStart', payload: { role: 'assistant' } });
  const last = events.pop()!;
  assert.equal(last.type, 'metadata');
  const usage = last.payload['usage'] as Json;
  for (const name of ['inputTokens', 'outputTokens', 'totalTokens'])
    assert.equal(typeof usage[name], 'number');
  const stop = events.pop()!;
  assert.equal(stop.type, 'messageStop');
  assert.match(
    String(stop.payload['stopReason']),
    /^(end_turn|tool_use|max_tokens|stop_sequence|guardrail_intervened|content_filtered|malformed_model_output)$/,
  );
  let next = 0;
  let open: number | null = null;
  for (const { type, payload } of events) {
    const {
      contentBlockIndex: index,
      delta,
      start,
    } = payload as { contentBlockIndex: number; delta?: Json; start?: Json };
    if (type === 'contentBlockStart') {
      assert.equal(open, null, 'a block begins within another');
      assert.equal(index, next, 'blocks are numbered in order');
      assert.deepEqual(Object.keys(start!), ['toolUse']);
      open = next++;
    } else if (type === 'contentBlockDelta') {
      // Only tools begin with a word.
      if (open === null) {
        assert.equal(index, next, 'blocks are numbered in order');
        assert.ok(!('toolUse' in delta!), 'a tool that did not begin');
        open = next++;
      }
      assert.equal(index, open);
      assert.equal(Object.keys(delta!).length, 1);
    } else {
      assert.equal(type, 'contentBlockStop');
      // A block in which nothing was said has only its end.
      assert.equal(index, open ?? next++);
      open = null;
    }
  }
  assert.equal(open, null, 'a block is not stopped');
}
