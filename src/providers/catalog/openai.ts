import type { ProviderRecord } from '#core/target.ts';

export const openai: ProviderRecord = {
  name: 'openai',
  title: 'OpenAI',
  dialect: 'openai-chat',
  baseUrl: 'https://api.openai.com/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'openai-responses' }],
  variable: 'OPENAI_API_KEY',
  modelPrefixes: [
    'gpt-',
    'o1',
    'o3',
    'o4-',
    'chatgpt-',
    'text-embedding-3-',
    'text-embedding-ada-',
    'omni-moderation-',
    'text-moderation-',
    'dall-e-',
    'tts-',
    'whisper-1',
  ],
  models: ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'gpt-5.5', 'gpt-6-luna'],
  // Of clients that speak it as another provider does.
  quirks: { seedField: 'seed', requiredChoice: 'required' },
  priceList: 'openai',
  batchPercent: 50,
  source: 'https://platform.openai.com/docs/api-reference/chat',
};
