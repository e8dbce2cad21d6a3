import OpenAI from '../../../clients/node_modules/openai/index.mjs';
import type { Reading } from '../official-readers.ts';

export async function readCompletions(stream: string): Promise<Reading> {
  const client = new OpenAI({
    apiKey: 'k',
    baseURL: 'http://127.0.0.1/v1',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } })),
  });
  let text = '';
  let finish: string | null = null;
  let usage: Reading['usage'] = null;
  for await (const chunk of await client.completions.create({ model: 'm', prompt: 'x', stream: true })) {
    const first = chunk.choices.find((choice) => choice.index === 0);
    text += first?.text ?? '';
    finish = first?.finish_reason ?? finish;
    if (chunk.usage) usage = { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens };
  }
  return { text, reasoning: '', toolCalls: [], finish, usage };
}
