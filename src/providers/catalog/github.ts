import type { ProviderRecord } from '#core/target.ts';

export const github: ProviderRecord = {
  name: 'github',
  title: 'GitHub Models',
  dialect: 'openai-chat',
  baseUrl: 'https://models.github.ai/inference',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'GITHUB_MODELS_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: null,
  source: 'https://docs.github.com/rest/models/inference',
};
