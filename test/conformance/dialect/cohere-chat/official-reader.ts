import { CohereClientV2 } from '../../../clients/node_modules/cohere-ai/index.js';
import type { Reading } from '../official-readers.ts';

/** Its client knows no errors in streams: what it hands over of one is raised here. */
export async function readCohere(stream: string): Promise<Reading> {
  const client = new CohereClientV2({
    token: 'k',
    environment: 'http://127.0.0.1',
    maxRetries: 0,
    fetch: () => Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } })),
  });
  let text = '';
  let reasoning = '';
  const toolCalls: { name: string; arguments: string }[] = [];
  let finish: string | null = null;
  let usage: Reading['usage'] = null;
  for await (const event of await client.chatStream({ model: 'm', messages: [] })) {
    switch (event.type) {
      case 'content-delta':
        text += event.delta?.message?.content?.text ?? '';
        reasoning += event.delta?.message?.content?.thinking ?? '';
        break;
      case 'tool-call-start':
        toolCalls.push({ name: event.delta?.message?.toolCalls?.function?.name ?? '', arguments: '' });
        break;
      case 'tool-call-delta':
        toolCalls.at(-1)!.arguments += event.delta?.message?.toolCalls?.function?.arguments ?? '';
        break;
      case 'message-end': {
        if (event.delta?.error) throw new Error(event.delta.error);
        finish = event.delta?.finishReason ?? null;
        const billed = event.delta?.usage?.billedUnits;
        if (billed) usage = { input: billed.inputTokens ?? 0, output: billed.outputTokens ?? 0 };
        break;
      }
      default:
        break;
    }
  }
  for (const call of toolCalls) call.arguments ||= '{}';
  return { text, reasoning, toolCalls, finish, usage };
}
