import type { ProviderRecord } from '#core/target.ts';
import { bedrockHost } from './places.ts';

/** Claude by its own format (InvokeModel), with all that Converse has no words for. */
export const bedrockClaude: ProviderRecord = {
  name: 'bedrock-claude',
  title: 'Claude on Amazon Bedrock',
  dialect: 'anthropic-messages',
  baseUrl: null,
  credential: { header: 'authorization', prefix: 'Bearer ' },
  signer: 'aws-sigv4',
  locate: bedrockHost,
  speaks: [{ dialect: 'bedrock-invoke' }],
  variable: null,
  modelPrefixes: [],
  models: ['global.anthropic.claude-haiku-4-5-20251001-v1:0', 'global.anthropic.claude-sonnet-4-6'],
  quirks: {
    hosted: {
      path: '/model/{model}/invoke',
      streamPath: '/model/{model}/invoke-with-response-stream',
      version: 'bedrock-2023-05-31',
      streamByPath: true,
      betasInBody: true,
    },
  },
  priceList: 'aws',
  source: 'https://docs.claude.com/en/api/claude-on-amazon-bedrock',
};
