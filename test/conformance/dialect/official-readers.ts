/** Streams as the official clients read them. Their `fetch` is given the bytes, so that all of their own parsing is used. */
import Anthropic from '../../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import Legacy from '../../clients/node_modules/anthropic-legacy/index.mjs';
import OpenAI from '../../clients/node_modules/openai/index.mjs';
import { readBedrock } from './bedrock-converse/official-reader.ts';
import { readCohere } from './cohere-chat/official-reader.ts';
import { readGemini } from './gemini-generate/official-reader.ts';
import { readOllama } from './ollama-chat/official-reader.ts';
import { readCompletions } from './openai-completions/official-reader.ts';
import { readResponses } from './openai-responses/official-reader.ts';

export interface Reading {
  readonly text: string;
  readonly reasoning: string;
  /** Names and JSON text of the arguments. */
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[];
  /** In the dialect's own word. */
  readonly finish: string | null;
  readonly usage: { readonly input: number; readonly output: number } | null;
}

/** @throws the client's own error for a stream that is broken or reports an error. */
export type OfficialReader = (stream: string) => Promise<Reading>;

const answering = (stream: string) => () =>
  Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }));

async function openai(stream: string): Promise<Reading> {
  const client = new OpenAI({
    apiKey: 'k',
    baseURL: 'http://127.0.0.1/v1',
    maxRetries: 0,
    fetch: answering(stream),
  });
  const run = client.chat.completions.stream({
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    stream_options: { include_usage: true },
  });
  let reasoning = '';
  run.on('chunk', (chunk) => {
    const first = chunk.choices.find((choice) => choice.index === 0);
    reasoning += (first?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '';
  });
  const final = await run.finalChatCompletion();
  const [choice] = final.choices;
  const { usage } = final;
  return {
    text: choice?.message.content ?? '',
    reasoning,
    toolCalls: (choice?.message.tool_calls ?? []).map((call) =>
      call.type === 'function'
        ? { name: call.function.name, arguments: call.function.arguments }
        : fail(call),
    ),
    finish: choice?.finish_reason ?? null,
    usage: usage ? { input: usage.prompt_tokens, output: usage.completion_tokens } : null,
  };
}

function fail(call: unknown): never {
  throw new Error(`not a function call: ${JSON.stringify(call)}`);
}

const anthropic =
  (Client: typeof Anthropic): OfficialReader =>
  async (stream) => {
    const client = new Client({
      apiKey: 'k',
      baseURL: 'http://127.0.0.1',
      maxRetries: 0,
      fetch: answering(stream),
    });
    const run = client.messages.stream({
      model: 'm',
      max_tokens: 9,
      messages: [{ role: 'user', content: 'x' }],
    });
    const json = new Map<number, string>();
    run.on('streamEvent', (event) => {
      if (event.type !== 'content_block_delta' || event.delta.type !== 'input_json_delta') return;
      json.set(event.index, (json.get(event.index) ?? '') + event.delta.partial_json);
    });
    const final = await run.finalMessage();
    const { usage } = final;
    return {
      text: final.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
      reasoning: final.content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
      toolCalls: final.content.flatMap((block, index) =>
        block.type === 'tool_use' ? [{ name: block.name, arguments: json.get(index) || '{}' }] : [],
      ),
      finish: final.stop_reason,
      usage: {
        input:
          usage.input_tokens +
          (usage.cache_read_input_tokens ?? 0) +
          (usage.cache_creation_input_tokens ?? 0),
        output: usage.output_tokens,
      },
    };
  };

/** By dialect, and then by client. A dialect without an official client says so with an empty record. */
export const officialReaders: Readonly<Record<string, Readonly<Record<string, OfficialReader>>>> = {
  'openai-chat': { openai },
  'anthropic-messages': {
    '@anthropic-ai/sdk': anthropic(Anthropic),
    'anthropic-legacy': anthropic(Legacy as unknown as typeof Anthropic),
  },
  'bedrock-converse': { '@aws-sdk/client-bedrock-runtime': readBedrock },
  'cohere-chat': { 'cohere-ai': readCohere },
  'gemini-generate': { '@google/genai': readGemini },
  'ollama-chat': { ollama: readOllama },
  'openai-completions': { openai: readCompletions },
  'openai-responses': { openai: readResponses },
};
