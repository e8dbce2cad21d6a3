import type { ProviderRecord } from '#core/target.ts';
import { vertexPublisher } from './places.ts';

/** Claude in Google's cloud, by its own format. */
export const vertexClaude: ProviderRecord = {
  name: 'vertex-claude',
  title: 'Claude on Google Vertex AI',
  dialect: 'anthropic-messages',
  baseUrl: null,
  credential: null,
  signer: 'google-oauth',
  locate: (settings) => vertexPublisher('anthropic', settings),
  variable: null,
  modelPrefixes: [],
  models: ['claude-opus-5-5', 'claude-sonnet-4-6'],
  quirks: {
    hosted: {
      path: '/models/{model}:rawPredict',
      streamPath: '/models/{model}:streamRawPredict',
      version: 'vertex-2023-10-16',
    },
  },
  priceList: 'google',
  source: 'https://docs.claude.com/en/api/claude-on-vertex-ai',
};
