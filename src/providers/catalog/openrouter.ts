import type { ProviderRecord } from '#core/target.ts';

export const openrouter: ProviderRecord = {
  name: 'openrouter',
  title: 'OpenRouter',
  dialect: 'openai-chat',
  baseUrl: 'https://openrouter.ai/api/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'openai-responses' }],
  variable: 'OPENROUTER_API_KEY',
  modelPrefixes: [],
  models: ['z-ai/glm-5.3', 'x-ai/grok-4.3'],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning' },
  priceList: 'openrouter',
  source: 'https://openrouter.ai/docs/api-reference/overview',
};
