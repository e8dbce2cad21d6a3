import type { SignerKind } from '#core/contracts/signer.ts';
import { Renewed } from '../renewed.ts';
import { fetchToken } from './fetch-token.ts';
import { parseCredential } from './parse-credential.ts';

/**
 * Access tokens of Google Cloud. Settings: `credentials`, a credential's JSON; without it the credential is found as Google's
 * own libraries find it: application default credentials, else the metadata server of the machine.
 */
export const googleOAuth: SignerKind = ({ name, signer }, services) => {
  const { credentials } = signer!.settings;
  const where = `provider "${name}": google.credentials`;
  const given = credentials === undefined ? null : parseCredential(credentials, where);
  const token = new Renewed(() => fetchToken(given, services), services.clock);
  return async (request) => {
    const headers = request.headers.filter((_, i, all) => all[i - (i % 2)] !== 'authorization');
    return { ...request, headers: [...headers, 'authorization', `Bearer ${await token.get()}`] };
  };
};
