/**
 * The order of a complete stream as the vendors' documents give it, held against the bytes themselves: readers forgive what
 * other people's clients do not.
 */
import assert from 'node:assert/strict';
import { bedrockGrammar } from './bedrock-converse/grammar.ts';
import { cohereGrammar } from './cohere-chat/grammar.ts';
import { geminiGrammar } from './gemini-generate/grammar.ts';
import { ollamaGrammar } from './ollama-chat/grammar.ts';
import { completionsGrammar } from './openai-completions/grammar.ts';
import { responsesGrammar } from './openai-responses/grammar.ts';

type Json = Record<string, unknown>;

interface WireEvent {
  readonly name: string | null;
  readonly data: string;
}

/** Each event is one `data:` line, with an `event:` line before it or without. */
function eventsOf(stream: string): WireEvent[] {
  assert.ok(stream.endsWith('\n\n'), 'the last event is not complete');
  return stream
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      const match = /^(?:event: (?<name>\w+)\n)?data: (?<data>[^\r\n]*)$/.exec(event);
      assert.ok(match?.groups, `not an event: ${event}`);
      return { name: match.groups['name'] ?? null, data: match.groups['data']! };
    });
}

/** https://platform.openai.com/docs/api-reference/chat/streaming */
function chat(stream: string): void {
  const events = eventsOf(stream);
  assert.equal(events.pop()?.data, '[DONE]');
  const chunks = events.map(({ data }) => JSON.parse(data) as Json & { choices: Json[] });
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1, 'the id changes');
  const begun = new Set<unknown>();
  const finished = new Set<unknown>();
  const tools = new Map<unknown, number>();
  chunks.forEach((chunk, i) => {
    assert.equal(chunk['object'], 'chat.completion.chunk');
    if ('usage' in chunk)
      assert.ok(i === chunks.length - 1 && chunk.choices.length === 0, 'usage is not last');
    for (const { index, delta, finish_reason: reason } of chunk.choices) {
      const said = delta as Json & { tool_calls?: Json[] };
      assert.ok(!finished.has(index), 'a choice goes on after its finish');
      assert.equal(
        said['role'],
        begun.has(index) ? undefined : 'assistant',
        'a choice begins with its role, once',
      );
      begun.add(index);
      for (const call of said.tool_calls ?? []) {
        const known = tools.get(index) ?? 0;
        const isNew = call['id'] !== undefined;
        assert.equal(call['index'], isNew ? known : known - 1, 'tool calls are numbered in order');
        if (isNew) tools.set(index, known + 1);
      }
      if (reason !== null) finished.add(index);
    }
  });
  assert.ok(begun.has(0), 'there is no first choice');
  assert.deepEqual(finished, begun, 'a choice has no finish reason');
}

/** https://docs.anthropic.com/en/docs/build-with-claude/streaming#event-types */
function messages(stream: string): void {
  const events = eventsOf(stream).map(({ name, data }) => {
    const event = JSON.parse(data) as Json;
    assert.equal(event['type'], name);
    return event;
  });
  assert.equal(events.shift()?.['type'], 'message_start');
  assert.equal(events.pop()?.['type'], 'message_stop');
  const last = events.pop()!;
  assert.equal(last['type'], 'message_delta');
  assert.equal(typeof (last['delta'] as Json)['stop_reason'], 'string');
  assert.equal(typeof (last['usage'] as Json)['output_tokens'], 'number');
  let next = 0;
  let open: number | null = null;
  for (const { type, index } of events) {
    if (type === 'ping') continue;
    if (type === 'content_block_start') {
      assert.equal(open, null, 'a block begins within another');
      assert.equal(index, next, 'blocks are numbered in order');
      open = next++;
      continue;
    }
    assert.equal(index, open, `${String(type)} outside of its block`);
    if (type === 'content_block_stop') open = null;
    else assert.equal(type, 'content_block_delta');
  }
  assert.equal(open, null, 'a block is not stopped');
}

/** Throws where a complete stream of the dialect breaks its order. */
export const wireGrammars: Readonly<Record<string, (stream: string) => void>> = {
  'openai-chat': chat,
  'anthropic-messages': messages,
  'bedrock-converse': bedrockGrammar,
  'cohere-chat': cohereGrammar,
  'gemini-generate': geminiGrammar,
  'ollama-chat': ollamaGrammar,
  'openai-completions': completionsGrammar,
  'openai-responses': responsesGrammar,
};
