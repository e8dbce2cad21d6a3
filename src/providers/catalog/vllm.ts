import type { ProviderRecord } from '#core/target.ts';

export const vllm: ProviderRecord = {
  name: 'vllm',
  title: 'vLLM',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8000/v1',
  credential: null,
  speaks: [{ dialect: 'openai-responses' }, { dialect: 'openai-completions' }],
  variable: null,
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning' },
  priceList: null,
  source: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
};
