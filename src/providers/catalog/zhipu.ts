import type { ProviderRecord } from '#core/target.ts';

/** The price seed has the prices of its international platform only, in another currency. */
export const zhipu: ProviderRecord = {
  name: 'zhipu',
  title: 'Zhipu AI',
  dialect: 'openai-chat',
  baseUrl: 'https://open.bigmodel.cn/api/paas/v4',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'anthropic-messages', baseUrl: 'https://api.z.ai/api/anthropic' }],
  variable: 'ZHIPUAI_API_KEY',
  modelPrefixes: ['glm-'],
  models: ['glm-5.2', 'glm-5.3', 'glm-5.3-flash'],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://docs.bigmodel.cn/',
};
