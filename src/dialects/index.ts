import type { Dialect } from '#core/contracts/dialect.ts';
import { anthropicMessages } from './anthropic-messages/index.ts';
import { cohereChat } from './cohere-chat/index.ts';
import { geminiGenerate } from './gemini-generate/index.ts';
import { ollamaChat } from './ollama-chat/index.ts';
import { openaiChat } from './openai-chat/index.ts';
import { openaiCompletions } from './openai-completions/index.ts';
import { openaiResponses } from './openai-responses/index.ts';

/** Every dialect. Where a request does not say which one its sender speaks, it is the first. */
export const dialects: readonly Dialect[] = [
  openaiChat,
  anthropicMessages,
  openaiCompletions(openaiChat),
  cohereChat,
  ollamaChat,
  geminiGenerate,
  openaiResponses(openaiChat),
];
