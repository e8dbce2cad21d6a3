import type { ProviderRecord } from '#core/target.ts';
import { bedrockHost } from './places.ts';

/** By SigV4, or with a Bedrock API key. Each region stands alone; models of Claude are named by region or `global.`. */
export const bedrock: ProviderRecord = {
  name: 'bedrock',
  title: 'Amazon Bedrock',
  dialect: 'bedrock-converse',
  baseUrl: null,
  credential: { header: 'authorization', prefix: 'Bearer ' },
  signer: 'aws-sigv4',
  locate: bedrockHost,
  variable: 'AWS_BEARER_TOKEN_BEDROCK',
  modelPrefixes: [],
  models: [
    'amazon.nova-lite-v1:0',
    'amazon.nova-pro-v1:0',
    'global.anthropic.claude-haiku-4-5-20251001-v1:0',
    'global.anthropic.claude-sonnet-4-6',
  ],
  quirks: {},
  priceList: 'aws',
  source: 'https://docs.aws.amazon.com/general/latest/gr/bedrock.html',
};
