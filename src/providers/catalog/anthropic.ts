import type { ProviderRecord } from '#core/target.ts';

/** The base URL is without `/v1`: that belongs to the dialect's path, as in the SDKs' base URL. */
export const anthropic: ProviderRecord = {
  name: 'anthropic',
  title: 'Anthropic',
  dialect: 'anthropic-messages',
  baseUrl: 'https://api.anthropic.com',
  credential: { header: 'x-api-key', prefix: '' },
  variable: 'ANTHROPIC_API_KEY',
  modelPrefixes: ['claude-'],
  models: ['claude-haiku-4-5', 'claude-sonnet-4-6', 'claude-sonnet-5', 'claude-opus-5-5'],
  quirks: {},
  priceList: 'anthropic',
  batchPercent: 50,
  source: 'https://docs.claude.com/en/api/messages',
};
