import type { ProviderRecord } from '#core/target.ts';

export const doubao: ProviderRecord = {
  name: 'doubao',
  title: 'Doubao (Volcengine Ark)',
  dialect: 'openai-chat',
  baseUrl: 'https://ark.cn-beijing.volces.com/api/v3',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'ARK_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://www.volcengine.com/docs/82379/1298454',
};
