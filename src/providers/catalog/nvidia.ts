import type { ProviderRecord } from '#core/target.ts';

export const nvidia: ProviderRecord = {
  name: 'nvidia',
  title: 'NVIDIA NIM',
  dialect: 'openai-chat',
  baseUrl: 'https://integrate.api.nvidia.com/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  speaks: [{ dialect: 'openai-completions' }],
  variable: 'NVIDIA_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens', reasoningField: 'reasoning_content' },
  priceList: null,
  source: 'https://docs.api.nvidia.com/nim/reference/llm-apis',
};
