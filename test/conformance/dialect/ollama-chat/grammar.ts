import assert from 'node:assert/strict';

interface Line {
  readonly model: unknown;
  readonly created_at: string;
  readonly message: {
    readonly role: unknown;
    readonly content: unknown;
    readonly tool_calls?: readonly {
      readonly function: { readonly name: unknown; readonly arguments: unknown };
    }[];
  };
  readonly done: unknown;
  readonly done_reason?: unknown;
}

/** https://docs.ollama.com/api/streaming */
export function ollamaGrammar(stream: string): void {
  assert.ok(stream.endsWith('\n'), 'the last line is not complete');
  const lines = stream
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  lines.forEach((line, i) => {
    const isLast = i === lines.length - 1;
    assert.equal(line.done, isLast, 'the last line alone is done');
    assert.equal(typeof line.model, 'string');
    assert.ok(!Number.isNaN(Date.parse(line.created_at)));
    assert.equal(line.message.role, 'assistant');
    assert.equal(typeof line.message.content, 'string');
    for (const { function: fn } of line.message.tool_calls ?? []) {
      assert.equal(typeof fn.name, 'string');
      assert.ok(typeof fn.arguments === 'object' && fn.arguments !== null && !Array.isArray(fn.arguments));
    }
    if (isLast)
      assert.ok(line.done_reason === 'stop' || line.done_reason === 'length', String(line.done_reason));
  });
}
