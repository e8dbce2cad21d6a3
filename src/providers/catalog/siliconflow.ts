import type { ProviderRecord } from '#core/target.ts';

export const siliconflow: ProviderRecord = {
  name: 'siliconflow',
  title: 'SiliconFlow',
  dialect: 'openai-chat',
  baseUrl: 'https://api.siliconflow.cn/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'SILICONFLOW_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://docs.siliconflow.cn/en/api-reference/chat-completions/chat-completions',
};
