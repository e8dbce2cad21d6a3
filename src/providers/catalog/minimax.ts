import type { ProviderRecord } from '#core/target.ts';

export const minimax: ProviderRecord = {
  name: 'minimax',
  title: 'MiniMax',
  dialect: 'openai-chat',
  baseUrl: 'https://api.minimax.io/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'anthropic-messages', baseUrl: 'https://api.minimax.io/anthropic' }],
  variable: 'MINIMAX_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://platform.minimax.io/docs/api-reference/text-openai-api',
};
