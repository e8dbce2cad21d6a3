import type { ProviderRecord } from '#core/target.ts';

/** `baseUrl` is the resource's own: `https://NAME.openai.azure.com/openai/v1`; models are names of deployments. */
export const azure: ProviderRecord = {
  name: 'azure',
  title: 'Azure OpenAI',
  dialect: 'openai-chat',
  baseUrl: null,
  credential: { header: 'api-key', prefix: '' },
  speaks: [{ dialect: 'openai-completions' }],
  variable: 'AZURE_OPENAI_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: {},
  priceList: 'azure',
  batchPercent: 50,
  source: 'https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle',
};
