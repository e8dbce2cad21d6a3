import type { ProviderRecord } from '#core/target.ts';
import { openai } from './openai.ts';
import { anthropic } from './anthropic.ts';
import { google } from './google.ts';
import { mistral } from './mistral.ts';
import { cohere } from './cohere.ts';
import { deepseek } from './deepseek.ts';
import { dashscope } from './dashscope.ts';
import { moonshot } from './moonshot.ts';
import { zhipu } from './zhipu.ts';
import { groq } from './groq.ts';
import { xai } from './xai.ts';
import { openrouter } from './openrouter.ts';
import { together } from './together.ts';
import { fireworks } from './fireworks.ts';
import { vllm } from './vllm.ts';
import { ollama } from './ollama.ts';
import { lmStudio } from './lm-studio.ts';
import { azure } from './azure.ts';
import { minimax } from './minimax.ts';
import { doubao } from './doubao.ts';
import { siliconflow } from './siliconflow.ts';
import { perplexity } from './perplexity.ts';
import { cerebras } from './cerebras.ts';
import { nvidia } from './nvidia.ts';
import { github } from './github.ts';
import { cloudflare } from './cloudflare.ts';
import { huggingface } from './huggingface.ts';
import { sglang } from './sglang.ts';
import { llamaCpp } from './llama-cpp.ts';
import { bedrock } from './bedrock.ts';
import { bedrockClaude } from './bedrock-claude.ts';
import { vertex } from './vertex.ts';
import { vertexClaude } from './vertex-claude.ts';
import { simulated } from './simulated.ts';

const records: readonly ProviderRecord[] = [
  openai,
  anthropic,
  google,
  mistral,
  cohere,
  deepseek,
  dashscope,
  moonshot,
  zhipu,
  groq,
  xai,
  openrouter,
  together,
  fireworks,
  vllm,
  ollama,
  lmStudio,
  azure,
  minimax,
  doubao,
  siliconflow,
  perplexity,
  cerebras,
  nvidia,
  github,
  cloudflare,
  huggingface,
  sglang,
  llamaCpp,
  bedrock,
  bedrockClaude,
  vertex,
  vertexClaude,
  simulated,
];

/** The providers that are known beforehand, by name. A new one is a file like the others and a line above. */
export const catalog: ReadonlyMap<string, ProviderRecord> = new Map(
  records.map((record) => [record.name, record]),
);
