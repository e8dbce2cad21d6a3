import type { ProviderRecord } from '#core/target.ts';

export const deepseek: ProviderRecord = {
  name: 'deepseek',
  title: 'DeepSeek',
  dialect: 'openai-chat',
  baseUrl: 'https://api.deepseek.com',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [
    {
      dialect: 'anthropic-messages',
      baseUrl: 'https://api.deepseek.com/anthropic',
      credential: { header: 'x-api-key', prefix: '' },
    },
  ],
  variable: 'DEEPSEEK_API_KEY',
  modelPrefixes: ['deepseek-'],
  models: ['deepseek-chat', 'deepseek-reasoner', 'deepseek-v4-flash', 'deepseek-v4-pro'],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: 'deepseek',
  source: 'https://api-docs.deepseek.com/',
};
