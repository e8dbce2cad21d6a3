import { GoogleGenAI } from '../../../harness/google-genai.ts';
import type { Reading } from '../official-readers.ts';

export async function readGemini(stream: string): Promise<Reading> {
  const client = new GoogleGenAI({
    apiKey: 'k',
    httpOptions: {
      baseUrl: 'http://127.0.0.1',
      fetch: () =>
        Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } })),
    },
  });
  let text = '';
  let reasoning = '';
  const toolCalls: { name: string; arguments: string }[] = [];
  let finish: string | null = null;
  let usage: Reading['usage'] = null;
  for await (const chunk of await client.models.generateContentStream({ model: 'm', contents: 'x' })) {
    const candidate = chunk.candidates?.find(({ index }) => index === 0);
    for (const part of candidate?.content?.parts ?? []) {
      if (part.thought) reasoning += part.text ?? '';
      else text += part.text ?? '';
      if (part.functionCall)
        toolCalls.push({
          name: part.functionCall.name ?? '',
          arguments: JSON.stringify(part.functionCall.args),
        });
    }
    finish = candidate?.finishReason ?? finish;
    const used = chunk.usageMetadata;
    if (used)
      usage = {
        input: (used.promptTokenCount ?? 0) + (used.toolUsePromptTokenCount ?? 0),
        output: (used.candidatesTokenCount ?? 0) + (used.thoughtsTokenCount ?? 0),
      };
  }
  return { text, reasoning, toolCalls, finish, usage };
}
