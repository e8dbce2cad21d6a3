import type { Dialect } from '#core/contracts/dialect.ts';
import { anthropicMessages as messages } from './anthropic-messages/index.ts';
import { anthropicCount } from './anthropic-messages/count.ts';
import { bedrockCount } from './bedrock-converse/count.ts';
import { bedrockConverse } from './bedrock-converse/index.ts';
import { bedrockInvoke } from './bedrock-converse/invoke-dialect.ts';
import { overInvoke } from './bedrock-converse/invoke.ts';
import { cohereChat } from './cohere-chat/index.ts';
import { cohereEmbed } from './cohere-embed/index.ts';
import { cohereRerank, jinaRerank } from './cohere-rerank/index.ts';
import { geminiEmbed } from './gemini-embed/index.ts';
import { geminiCount } from './gemini-generate/count.ts';
import { geminiGenerate } from './gemini-generate/index.ts';
import { ollamaChat } from './ollama-chat/index.ts';
import { ollamaEmbed } from './ollama-embed/index.ts';
import { openaiChat } from './openai-chat/index.ts';
import { openaiCompletions } from './openai-completions/index.ts';
import { openaiEmbeddings } from './openai-embeddings/index.ts';
import { openaiCount } from './openai-responses/count.ts';
import { openaiResponses } from './openai-responses/index.ts';
import { openaiWork } from './openai-work/index.ts';

const anthropicMessages = overInvoke(messages);

/** For conversations. Where a request does not say which one its sender speaks, it is the first. */
export const chatDialects: readonly Dialect[] = [
  openaiChat,
  anthropicMessages,
  openaiCompletions(openaiChat),
  cohereChat,
  ollamaChat,
  geminiGenerate,
  openaiResponses(openaiChat),
  bedrockConverse,
];

/** For other work. */
export const workDialects: readonly Dialect[] = [
  openaiEmbeddings(openaiChat),
  cohereEmbed(cohereChat),
  geminiEmbed(geminiGenerate),
  ollamaEmbed(ollamaChat),
  jinaRerank(openaiChat),
  cohereRerank(cohereChat),
  ...openaiWork(openaiChat),
  anthropicCount(anthropicMessages),
  geminiCount(geminiGenerate),
  openaiCount(openaiResponses(openaiChat)),
  bedrockCount(bedrockConverse),
];

/** Formats of others under another cover: what they carry is what those carry. */
const coveredDialects: readonly Dialect[] = [bedrockInvoke(anthropicMessages, bedrockConverse)];

/** Every dialect. */
export const dialects: readonly Dialect[] = [...chatDialects, ...coveredDialects, ...workDialects];
