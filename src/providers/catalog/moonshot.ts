import type { ProviderRecord } from '#core/target.ts';

export const moonshot: ProviderRecord = {
  name: 'moonshot',
  title: 'Moonshot AI',
  dialect: 'openai-chat',
  baseUrl: 'https://api.moonshot.ai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'anthropic-messages', baseUrl: 'https://api.moonshot.ai/anthropic' }],
  variable: 'MOONSHOT_API_KEY',
  modelPrefixes: ['kimi-', 'moonshot-'],
  models: ['kimi-k2.6', 'kimi-k3', 'moonshot-v1-128k'],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: 'moonshotai',
  source: 'https://platform.kimi.ai/docs/models.md',
};
