import type { ProviderRecord } from '#core/target.ts';

export const huggingface: ProviderRecord = {
  name: 'huggingface',
  title: 'Hugging Face',
  dialect: 'openai-chat',
  baseUrl: 'https://router.huggingface.co/v1',
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'HUGGINGFACE_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: null,
  source: 'https://huggingface.co/docs/inference-providers/index',
};
