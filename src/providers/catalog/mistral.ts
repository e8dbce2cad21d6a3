import type { ProviderRecord } from '#core/target.ts';

/** Sends usage on every stream unasked, and refuses fields it does not know. */
export const mistral: ProviderRecord = {
  name: 'mistral',
  title: 'Mistral',
  dialect: 'openai-chat',
  baseUrl: 'https://api.mistral.ai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'MISTRAL_API_KEY',
  modelPrefixes: ['mistral-', 'ministral-', 'magistral-', 'codestral', 'devstral-', 'pixtral-', 'voxtral-'],
  models: ['mistral-large-2512', 'mistral-medium-latest', 'mistral-small-latest', 'codestral-2508'],
  quirks: { asksUsage: false, maxTokensField: 'max_tokens' },
  priceList: 'mistral',
  source: 'https://docs.mistral.ai/api/',
};
