import type { ProviderRecord } from '#core/target.ts';

export const perplexity: ProviderRecord = {
  name: 'perplexity',
  title: 'Perplexity',
  dialect: 'openai-chat',
  baseUrl: 'https://api.perplexity.ai',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'PERPLEXITY_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: 'perplexity',
  source: 'https://docs.perplexity.ai/api-reference/chat-completions-post',
};
