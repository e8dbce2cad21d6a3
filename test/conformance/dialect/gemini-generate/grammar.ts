import assert from 'node:assert/strict';

type Json = Record<string, unknown>;
interface Chunk extends Json {
  readonly candidates: readonly {
    readonly content: { readonly parts: Json[]; readonly role: unknown };
    readonly index: number;
    readonly finishReason?: unknown;
  }[];
}

const kinds = ['text', 'functionCall', 'inlineData', 'executableCode', 'codeExecutionResult'];

/** https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse */
export function geminiGrammar(stream: string): void {
  assert.ok(stream.endsWith('\n\n'), 'the last event is not complete');
  const chunks = stream
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      const match = /^data: (?<data>[^\r\n]*)$/.exec(event);
      assert.ok(match?.groups, `not an event: ${event}`);
      return JSON.parse(match.groups['data']!) as Chunk;
    });
  assert.equal(new Set(chunks.map((chunk) => chunk['responseId'])).size, 1, 'the id changes');
  const begun = new Set<number>();
  const finished = new Set<number>();
  for (const chunk of chunks) {
    for (const { index, content, finishReason } of chunk.candidates) {
      assert.ok(!finished.has(index), 'a candidate goes on after its finish');
      begun.add(index);
      assert.equal(content.role, 'model');
      for (const part of content.parts) {
        assert.equal(
          Object.keys(part).filter((name) => kinds.includes(name)).length,
          1,
          JSON.stringify(part),
        );
        const call = part['functionCall'] as Json | undefined;
        if (call) assert.ok(typeof call['name'] === 'string' && typeof call['args'] === 'object');
      }
      if (finishReason !== undefined) finished.add(index);
    }
  }
  assert.deepEqual(finished, begun, 'a candidate has no finish reason');
  assert.ok(begun.has(0), 'there is no first candidate');
  assert.equal(
    chunks.filter((chunk) => 'usageMetadata' in chunk).length,
    'usageMetadata' in chunks.at(-1)! ? 1 : 0,
  );
}
