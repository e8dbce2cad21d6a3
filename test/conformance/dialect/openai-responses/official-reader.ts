import OpenAI from '../../../clients/node_modules/openai/index.mjs';
import type { Reading } from '../official-readers.ts';

/** The response as the SDK puts it together, and beside it what it told on the way: both must say the same. */
export async function readResponses(stream: string): Promise<Reading> {
  const client = new OpenAI({
    apiKey: 'k',
    baseURL: 'http://127.0.0.1/v1',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } })),
  });
  const run = client.responses.stream({ model: 'm', input: 'x' });
  let told = '';
  run.on('response.output_text.delta', ({ delta }) => (told += delta));
  const { output, output_text: text, status, incomplete_details: details, usage } = await run.finalResponse();
  if (told !== text) throw new Error(`told "${told}", and at the end "${text}"`);
  return {
    text,
    reasoning: output
      .flatMap((item) => (item.type === 'reasoning' ? item.summary : []))
      .map((piece) => piece.text)
      .join(''),
    toolCalls: output.flatMap((item) =>
      item.type === 'function_call' ? [{ name: item.name, arguments: item.arguments }] : [],
    ),
    finish: details?.reason ?? status ?? null,
    usage: usage ? { input: usage.input_tokens, output: usage.output_tokens } : null,
  };
}
