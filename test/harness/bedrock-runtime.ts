/** Its declarations do not stand beside its code: this names both. */
import { createRequire } from 'node:module';

type Package = typeof import('../clients/node_modules/@aws-sdk/client-bedrock-runtime/dist-types/index.d.ts');
const load = createRequire(new URL('../clients/package.json', import.meta.url));

export const {
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ThrottlingException,
  ValidationException,
  AccessDeniedException,
} = load('@aws-sdk/client-bedrock-runtime') as Package;
