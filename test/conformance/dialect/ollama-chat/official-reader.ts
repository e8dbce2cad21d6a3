import { Ollama } from '../../../clients/node_modules/ollama/dist/index.mjs';
import type { Reading } from '../official-readers.ts';

export async function readOllama(stream: string): Promise<Reading> {
  const client = new Ollama({
    host: 'http://127.0.0.1',
    fetch: () =>
      Promise.resolve(new Response(stream, { headers: { 'content-type': 'application/x-ndjson' } })),
  });
  let text = '';
  let reasoning = '';
  const toolCalls: { name: string; arguments: string }[] = [];
  let last = null;
  for await (const line of await client.chat({ model: 'm', stream: true })) {
    text += line.message.content;
    reasoning += line.message.thinking ?? '';
    for (const { function: fn } of line.message.tool_calls ?? [])
      toolCalls.push({ name: fn.name, arguments: JSON.stringify(fn.arguments) });
    last = line;
  }
  return {
    text,
    reasoning,
    toolCalls,
    finish: last?.done_reason ?? null,
    usage: last?.done ? { input: last.prompt_eval_count, output: last.eval_count } : null,
  };
}
