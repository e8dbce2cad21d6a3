import type { ProviderRecord } from '#core/target.ts';

export const together: ProviderRecord = {
  name: 'together',
  title: 'Together AI',
  dialect: 'openai-chat',
  baseUrl: 'https://api.together.xyz/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'TOGETHER_API_KEY',
  modelPrefixes: [],
  models: ['meta-llama/Llama-3.3-70B-Instruct-Turbo', 'meta-llama/Llama-4-Scout-17B-16E-Instruct'],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: 'together',
  source: 'https://docs.together.ai/docs/openai-api-compatibility',
};
