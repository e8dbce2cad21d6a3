import type { ProviderRecord } from '#core/target.ts';

export const cerebras: ProviderRecord = {
  name: 'cerebras',
  title: 'Cerebras',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cerebras.ai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'CEREBRAS_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { reasoningField: 'reasoning' },
  priceList: 'cerebras',
  source: 'https://inference-docs.cerebras.ai/api-reference/chat-completions',
};
