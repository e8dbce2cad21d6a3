import type { ProviderRecord } from '#core/target.ts';

export const groq: ProviderRecord = {
  name: 'groq',
  title: 'Groq',
  dialect: 'openai-chat',
  baseUrl: 'https://api.groq.com/openai/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'openai-responses' }],
  variable: 'GROQ_API_KEY',
  modelPrefixes: [],
  models: ['llama-3.3-70b-versatile', 'llama-3.1-8b-instant', 'openai/gpt-oss-120b'],
  quirks: { reasoningField: 'reasoning', refusesFields: ['logprobs', 'top_logprobs', 'logit_bias'] },
  priceList: 'groq',
  batchPercent: 50,
  source: 'https://console.groq.com/docs/openai',
};
