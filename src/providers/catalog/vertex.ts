import type { ProviderRecord } from '#core/target.ts';
import { vertexPublisher } from './places.ts';

/** Gemini in Google's cloud: by access tokens, below a project and a location. */
export const vertex: ProviderRecord = {
  name: 'vertex',
  title: 'Google Vertex AI',
  dialect: 'gemini-generate',
  baseUrl: null,
  credential: null,
  signer: 'google-oauth',
  locate: (settings) => vertexPublisher('google', settings),
  variable: null,
  modelPrefixes: [],
  models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3.5-flash', 'gemini-3.8-flash'],
  quirks: {},
  priceList: 'google',
  source: 'https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference',
};
