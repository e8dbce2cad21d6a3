import type { ProviderRecord } from '#core/target.ts';

export const sglang: ProviderRecord = {
  name: 'sglang',
  title: 'SGLang',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:30000/v1',
  credential: null,
  speaks: [{ dialect: 'openai-completions' }],
  variable: null,
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://docs.sglang.ai/basic_usage/openai_api_completions.html',
};
