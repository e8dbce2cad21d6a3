import assert from 'node:assert/strict';

type Json = Record<string, unknown>;

/** https://docs.cohere.com/docs/streaming#stream-events */
export function cohereGrammar(stream: string): void {
  assert.ok(stream.endsWith('\n\n'), 'the last event is not complete');
  const frames = stream.slice(0, -2).split('\n\n');
  assert.equal(frames.pop(), 'data: [DONE]');
  const events = frames.map((frame) => {
    const match = /^event: (?<name>[a-z-]+)\ndata: (?<data>[^\r\n]*)$/.exec(frame);
    assert.ok(match?.groups, `not an event: ${frame}`);
    const event = JSON.parse(match.groups['data']!) as Json;
    assert.equal(event['type'], match.groups['name']);
    return event;
  });
  const first = events.shift();
  assert.equal(first?.['type'], 'message-start');
  assert.equal(typeof first['id'], 'string');
  const last = events.pop();
  assert.equal(last?.['type'], 'message-end');
  assert.match(
    String((last['delta'] as Json)['finish_reason']),
    /^(COMPLETE|STOP_SEQUENCE|MAX_TOKENS|TOOL_CALL|ERROR|TIMEOUT)$/,
  );
  /** Contents and calls are numbered apart, and stand one after another. */
  const next: Record<string, number> = { content: 0, 'tool-call': 0, citation: 0 };
  let open: string | null = null;
  for (const { type, index } of events) {
    const [, what, step] = /^(content|tool-call|citation)-(start|delta|end)$/.exec(String(type)) ?? [];
    assert.ok(what !== undefined && step !== undefined, `unknown event ${String(type)}`);
    if (what === 'citation') {
      assert.ok(open === 'content', 'a citation outside of a text');
      assert.equal(index, step === 'start' ? next[what] : next[what]!++);
    } else if (step === 'start') {
      assert.equal(open, null, 'a block begins within another');
      assert.equal(index, next[what]!++, 'blocks are numbered in order');
      open = what;
    } else {
      assert.equal(open, what, `${String(type)} outside of its block`);
      assert.equal(index, next[what]! - 1);
      if (step === 'end') open = null;
    }
  }
  assert.equal(open, null, 'a block is not stopped');
}
