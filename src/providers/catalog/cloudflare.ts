import type { ProviderRecord } from '#core/target.ts';

/** `baseUrl` names the account: `https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai/v1`. */
export const cloudflare: ProviderRecord = {
  name: 'cloudflare',
  title: 'Cloudflare Workers AI',
  dialect: 'openai-chat',
  baseUrl: null,
  credential: { header: 'authorization', prefix: 'Bearer ' },
  variable: 'CLOUDFLARE_API_KEY',
  modelPrefixes: [],
  models: [],
  quirks: { maxTokensField: 'max_tokens' },
  priceList: null,
  source: 'https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/',
};
