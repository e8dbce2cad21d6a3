import type { ProviderRecord } from '#core/target.ts';

/** Its OpenAI-compatible endpoint, whose completion count leaves thoughts out: they are in the total only. */
export const google: ProviderRecord = {
  name: 'google',
  title: 'Google Gemini',
  dialect: 'openai-chat',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'GEMINI_API_KEY',
  modelPrefixes: ['gemini-', 'gemma-'],
  models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3.5-flash', 'gemini-3.8-flash'],
  quirks: { reasoningBesideOutput: true },
  priceList: 'google',
  source: 'https://ai.google.dev/gemini-api/docs/openai',
};
