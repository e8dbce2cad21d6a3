import type { ProviderRecord } from '#core/target.ts';

/** Gemini in Google's cloud: by access tokens, below a project and a location. */
export const vertex: ProviderRecord = {
  name: 'vertex',
  title: 'Google Vertex AI',
  dialect: 'gemini-generate',
  baseUrl: null,
  credential: null,
  signer: 'google-oauth',
  locate: ({ project, location }) =>
    project === undefined || location === undefined
      ? null
      : `https://${hostOf(location)}/v1/projects/${project}/locations/${location}/publishers/google`,
  variable: null,
  modelPrefixes: [],
  models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3.5-flash', 'gemini-3.8-flash'],
  quirks: {},
  priceList: 'google',
  source: 'https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations',
};

/** Everywhere, one of the regions of a continent, or one region. */
function hostOf(location: string): string {
  if (location === 'global') return 'aiplatform.googleapis.com';
  if (location === 'us' || location === 'eu') return `aiplatform.${location}.rep.googleapis.com`;
  return `${location}-aiplatform.googleapis.com`;
}
