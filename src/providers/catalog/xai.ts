import type { ProviderRecord } from '#core/target.ts';

/** Bills reasoning beside the completion: 12 + 2 + 340 make a total of 354. */
export const xai: ProviderRecord = {
  name: 'xai',
  title: 'xAI',
  dialect: 'openai-chat',
  baseUrl: 'https://api.x.ai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'openai-responses' }],
  variable: 'XAI_API_KEY',
  modelPrefixes: ['grok-'],
  models: ['grok-4.3', 'grok-4.5', 'grok-4.6', 'grok-code-fast-1'],
  quirks: { reasoningBesideOutput: true, reasoningField: 'reasoning_content' },
  priceList: 'x-ai',
  source: 'https://docs.x.ai/docs/api-reference',
};
