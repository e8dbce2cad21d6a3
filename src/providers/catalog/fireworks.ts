import type { ProviderRecord } from '#core/target.ts';

export const fireworks: ProviderRecord = {
  name: 'fireworks',
  title: 'Fireworks AI',
  dialect: 'openai-chat',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'FIREWORKS_API_KEY',
  modelPrefixes: ['accounts/fireworks/'],
  models: ['accounts/fireworks/models/kimi-k3', 'accounts/fireworks/models/gpt-oss-120b'],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: 'fireworks',
  source: 'https://docs.fireworks.ai/tools-sdks/openai-compatibility',
};
