import assert from 'node:assert/strict';

interface Chunk {
  readonly id: string;
  readonly object: unknown;
  readonly usage?: unknown;
  readonly choices: readonly {
    readonly text: unknown;
    readonly index: number;
    readonly finish_reason: unknown;
  }[];
}

/** https://platform.openai.com/docs/api-reference/completions/object */
export function completionsGrammar(stream: string): void {
  assert.ok(stream.endsWith('\n\n'), 'the last event is not complete');
  const frames = stream.slice(0, -2).split('\n\n');
  assert.equal(frames.pop(), 'data: [DONE]');
  const chunks = frames.map((frame) => {
    assert.match(frame, /^data: [^\r\n]*$/);
    return JSON.parse(frame.slice('data: '.length)) as Chunk;
  });
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1, 'the id changes');
  const begun = new Set<number>();
  const finished = new Set<number>();
  chunks.forEach((chunk, i) => {
    assert.equal(chunk.object, 'text_completion');
    if ('usage' in chunk)
      assert.ok(i === chunks.length - 1 && chunk.choices.length === 0, 'usage is not last');
    for (const { text, index, finish_reason: reason } of chunk.choices) {
      assert.equal(typeof text, 'string');
      assert.ok(!finished.has(index), 'a choice goes on after its finish');
      begun.add(index);
      if (reason !== null) finished.add(index);
    }
  });
  assert.ok(begun.has(0), 'there is no first choice');
  assert.deepEqual(finished, begun, 'a choice has no finish reason');
}
