import type { ProviderRecord } from '#core/target.ts';

/** Sends usage on every stream unasked, and refuses fields it does not know and ids of tool calls that it did not make. */
export const mistral: ProviderRecord = {
  name: 'mistral',
  title: 'Mistral',
  dialect: 'openai-chat',
  baseUrl: 'https://api.mistral.ai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'MISTRAL_API_KEY',
  modelPrefixes: ['mistral-', 'ministral-', 'magistral-', 'codestral', 'devstral-', 'pixtral-', 'voxtral-'],
  models: ['mistral-large-2512', 'mistral-medium-latest', 'mistral-small-latest', 'codestral-2508'],
  quirks: {
    asksUsage: false,
    maxTokensField: 'max_tokens',
    seedField: 'random_seed',
    toolCallIdLength: 9,
    refusesFields: [
      'stream_options',
      'user',
      'logprobs',
      'top_logprobs',
      'logit_bias',
      'store',
      'verbosity',
      'modalities',
      'safety_identifier',
      'prompt_cache_retention',
      'web_search_options',
    ],
  },
  priceList: 'mistral',
  source: 'https://docs.mistral.ai/api/',
};
