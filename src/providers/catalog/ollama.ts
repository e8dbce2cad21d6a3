import type { ProviderRecord } from '#core/target.ts';

/** Its own API, and the one like OpenAI's beside it. OLLAMA_HOST is an address, with or without scheme and port. */
export const ollama: ProviderRecord = {
  name: 'ollama',
  title: 'Ollama',
  dialect: 'ollama-chat',
  baseUrl: 'http://127.0.0.1:11434',
  credential: null,
  speaks: [
    { dialect: 'openai-chat', baseUrl: 'http://127.0.0.1:11434/v1' },
    { dialect: 'openai-completions', baseUrl: 'http://127.0.0.1:11434/v1' },
    { dialect: 'openai-responses', baseUrl: 'http://127.0.0.1:11434/v1' },
  ],
  variable: 'OLLAMA_HOST',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning' },
  priceList: null,
  source: 'https://docs.ollama.com/api',
};
