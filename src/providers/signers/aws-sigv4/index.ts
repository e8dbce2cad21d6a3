import type { SignerKind } from '#core/contracts/signer.ts';
import { Renewed } from '../renewed.ts';
import { findCredentials } from './credentials.ts';
import { signRequest } from './sign-request.ts';

/**
 * AWS Signature Version 4. Settings: `region`, and `accessKeyId`, `secretAccessKey`, `sessionToken`, or `profile`; without
 * them the credentials come from where AWS's own SDKs look for them. `service` is `bedrock` unless it says otherwise.
 */
export const awsSigV4: SignerKind = ({ name, signer }, services) => {
  const settings = signer!.settings;
  const { region, service = 'bedrock' } = settings;
  if (region === undefined)
    throw new Error(`provider "${name}": expected aws.region, such as "us-east-1", to sign for`);
  const credentials = new Renewed(() => findCredentials(settings, services), services.clock);
  return async (request) => {
    const { body } = request;
    if (body !== null && !Buffer.isBuffer(body))
      throw new Error('A body that is still arriving cannot be signed.');
    const scope = { region, service, atMs: services.clock.nowMs() };
    const signable = { ...request, body: body ?? Buffer.alloc(0) };
    return { ...request, headers: signRequest(signable, await credentials.get(), scope) };
  };
};
