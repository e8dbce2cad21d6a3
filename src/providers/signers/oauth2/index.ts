import type { Sign, SignerKind } from '#core/contracts/signer.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import { Renewed } from '../renewed.ts';
import { fetchToken } from './fetch-token.ts';

/**
 * Access tokens by client credentials. Settings: `tokenUrl`, `clientId`, and `clientSecret` or `privateKey` (PKCS #8 in PEM, with
 * `keyId` and `keyAlgorithm`); `auth`, `scope`, `audience` and `resource` if need be.
 */
export const oauth2: SignerKind = ({ signer }, services) => {
  const { settings } = signer!;
  const token = new Renewed(() => fetchToken(settings, services), services.clock);
  const sign: Sign = async (request) => withToken(request, await token.get());
  return Object.assign(sign, {
    again: (request: UpstreamRequest) =>
      token.drop(bearerOf(request)) ? token.get().then((next) => withToken(request, next)) : null,
  });
};

function withToken(request: UpstreamRequest, token: string): UpstreamRequest {
  const headers = request.headers.filter((_, i, all) => all[i - (i % 2)] !== 'authorization');
  return { ...request, headers: [...headers, 'authorization', `Bearer ${token}`] };
}

function bearerOf({ headers }: UpstreamRequest): string {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name === 'authorization');
  return headers[at + 1]?.slice('Bearer '.length) ?? '';
}
