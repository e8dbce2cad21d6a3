import type { ProviderRecord } from '#core/target.ts';

/** Answers inside the process, so that a first start needs no key. */
export const simulated: ProviderRecord = {
  name: 'simulated',
  title: 'Simulated',
  dialect: 'openai-chat',
  baseUrl: 'builtin:simulated',
  credential: null,
  variable: null,
  modelPrefixes: [],
  models: ['simulated'],
  quirks: {},
  priceList: null,
  source: 'https://platform.openai.com/docs/api-reference/chat',
};
