import type { ProviderRecord } from '#core/target.ts';

export const cohere: ProviderRecord = {
  name: 'cohere',
  title: 'Cohere',
  dialect: 'cohere-chat',
  baseUrl: 'https://api.cohere.com',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'COHERE_API_KEY',
  modelPrefixes: ['command-', 'c4ai-', 'embed-', 'rerank-'],
  models: ['command-a-03-2025', 'command-r-plus-08-2024', 'command-r-08-2024', 'command-r7b-12-2024'],
  quirks: {},
  priceList: 'cohere',
  source: 'https://docs.cohere.com/reference/chat',
};
