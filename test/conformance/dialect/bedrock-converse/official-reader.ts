import { BedrockRuntimeClient, ConverseStreamCommand } from '../../../harness/bedrock-runtime.ts';
import { Readable } from 'node:stream';
import type { Reading } from '../official-readers.ts';

/** Its own decoder of frames is used, with a handler of requests that answers with the bytes. */
export async function readBedrock(stream: string): Promise<Reading> {
  const client = new BedrockRuntimeClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
    requestHandler: {
      handle: () =>
        Promise.resolve({
          response: {
            statusCode: 200,
            headers: { 'content-type': 'application/vnd.amazon.eventstream' },
            body: Readable.from([Buffer.from(stream, 'latin1')]),
          },
        }) as never,
    },
  });
  let text = '';
  let reasoning = '';
  const toolCalls: { name: string; arguments: string }[] = [];
  let finish: string | null = null;
  let usage: Reading['usage'] = null;
  const answer = await client.send(new ConverseStreamCommand({ modelId: 'm', messages: [] }));
  for await (const event of answer.stream!) {
    const tool = event.contentBlockStart?.start?.toolUse;
    if (tool) toolCalls.push({ name: tool.name ?? '', arguments: '' });
    const delta = event.contentBlockDelta?.delta;
    text += delta?.text ?? '';
    reasoning += delta?.reasoningContent?.text ?? '';
    if (delta?.toolUse) toolCalls.at(-1)!.arguments += delta.toolUse.input ?? '';
    finish = event.messageStop?.stopReason ?? finish;
    const used = event.metadata?.usage;
    if (used)
      usage = {
        input: (used.inputTokens ?? 0) + (used.cacheReadInputTokens ?? 0) + (used.cacheWriteInputTokens ?? 0),
        output: used.outputTokens ?? 0,
      };
  }
  for (const call of toolCalls) call.arguments ||= '{}';
  return { text, reasoning, toolCalls, finish, usage };
}
