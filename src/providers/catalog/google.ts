import type { ProviderRecord } from '#core/target.ts';

/**
 * Its own API, and for clients of OpenAI's the compatible one, whose completion count leaves thoughts out: they are in the
 * total only.
 */
export const google: ProviderRecord = {
  name: 'google',
  title: 'Google Gemini',
  dialect: 'gemini-generate',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  credential: { header: 'x-goog-api-key', prefix: '' },
  speaks: [
    {
      dialect: 'openai-chat',
      baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
      credential: { header: 'authorization', prefix: 'Bearer ' },
    },
  ],
  variable: 'GEMINI_API_KEY',
  modelPrefixes: ['gemini-', 'gemma-'],
  models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3.5-flash', 'gemini-3.8-flash'],
  quirks: { reasoningBesideOutput: true },
  priceList: 'google',
  batchPercent: 50,
  source: 'https://ai.google.dev/api/generate-content',
};
