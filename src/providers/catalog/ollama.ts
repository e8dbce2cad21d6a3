import type { ProviderRecord } from '#core/target.ts';

/** Its OpenAI-compatible endpoint. OLLAMA_HOST is an address, with or without scheme and port. */
export const ollama: ProviderRecord = {
  name: 'ollama',
  title: 'Ollama',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:11434/v1',
  credential: null,
  variable: 'OLLAMA_HOST',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning' },
  priceList: null,
  source: 'https://docs.ollama.com/api/openai-compatibility',
};
