import type { SignerUse } from '#core/target.ts';

type Settings = SignerUse['settings'];

/** https://docs.aws.amazon.com/general/latest/gr/bedrock.html */
export const bedrockHost = ({ region }: Settings): string | null =>
  region === undefined
    ? null
    : `https://bedrock-runtime.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** Where a maker's models are. https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations */
export const vertexPublisher = (publisher: string, { project, location }: Settings): string | null =>
  project === undefined || location === undefined
    ? null
    : `https://${vertexHost(location)}/v1/projects/${project}/locations/${location}/publishers/${publisher}`;

/** Everywhere, one of the regions of a continent, or one region. */
function vertexHost(location: string): string {
  if (location === 'global') return 'aiplatform.googleapis.com';
  if (location === 'us' || location === 'eu') return `aiplatform.${location}.rep.googleapis.com`;
  return `${location}-aiplatform.googleapis.com`;
}
