import type { ProviderRecord } from '#core/target.ts';

export const lmStudio: ProviderRecord = {
  name: 'lm-studio',
  title: 'LM Studio',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:1234/v1',
  credential: null,
  speaks: [{ dialect: 'openai-responses' }, { dialect: 'openai-completions' }],
  variable: null,
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: null,
  source: 'https://lmstudio.ai/docs/app/api/endpoints/openai',
};
