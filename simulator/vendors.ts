import { bedrock } from './bedrock.ts';
import { cohereEmbed, geminiEmbed, ollamaEmbed, openaiEmbeddings } from './embeddings.ts';
import { cohereRerank, localRerank } from './rerank.ts';
import type { WorkVendor } from './work.ts';
import { images, moderations, speech, transcriptions } from './images-and-sound.ts';
import { bedrockCount, geminiCount, responsesCount } from './counts.ts';
import { completions } from './completions.ts';
import { cohere } from './cohere.ts';
import { geminis } from './gemini.ts';
import { mistral } from './mistral.ts';
import { bedrockInvoke, vertexClaude } from './hosted-claude.ts';
import { ollamaGenerate } from './ollama-generate.ts';
import { ollama } from './ollama.ts';
import { responses } from './responses.ts';
import type { Vendor } from './vendor-call.ts';

/** Vendors of one operation each, by its path. */
const vendors: readonly Vendor[] = [
  completions,
  cohere,
  mistral,
  ollama,
  ollamaGenerate,
  responses,
  bedrock,
  bedrockInvoke,
  vertexClaude,
  ...geminis,
];

export const vendorAt = (url: URL): Vendor | undefined =>
  vendors.find((vendor) => (vendor.answers ? vendor.answers(url) : vendor.path === url.pathname));

const workVendors: readonly WorkVendor[] = [
  openaiEmbeddings,
  cohereEmbed,
  geminiEmbed,
  ollamaEmbed,
  cohereRerank,
  localRerank,
  images,
  speech,
  transcriptions,
  moderations,
  geminiCount,
  responsesCount,
  bedrockCount,
];

export const workVendorAt = (url: URL): WorkVendor | undefined =>
  workVendors.find((vendor) => vendor.answers(url.pathname));
