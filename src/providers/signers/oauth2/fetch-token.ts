import type * as openid from 'openid-client';
import type { SignerServices } from '#core/contracts/signer.ts';
import { Fault } from '#core/fault.ts';
import type { SignerUse } from '#core/target.ts';
import { fetchByAsk } from '#identity/fetch-by-ask.ts';
import { noCredential } from '../no-credential.ts';
import type { Lent } from '../renewed.ts';

/** What is taken for the life of a token that says nothing of it (RFC 6749 §5.1 leaves it to the server). */
const usualLifeS = 300;

/** A new access token by client credentials (RFC 6749 §4.4). @throws Fault `upstream/credential`. */
export async function fetchToken(
  settings: SignerUse['settings'],
  { ask, clock }: SignerServices,
): Promise<Lent<string>> {
  const { tokenUrl, clientId, scope, audience, resource } = settings;
  // Loaded when it is first needed: few gateways do.
  const library = await import('openid-client');
  // RFC 7523 §3: the token endpoint may stand for the server as an assertion's audience.
  const server = { issuer: tokenUrl!, token_endpoint: tokenUrl! };
  const auth = await clientAuth(settings, library);
  const configuration = new library.Configuration(server, clientId!, {}, auth);
  configuration[library.customFetch] = fetchByAsk(ask, { repeatable: true });
  if (tokenUrl!.startsWith('http:')) library.allowInsecureRequests(configuration);
  const wish = Object.entries({ scope, audience, resource }).filter(([, value]) => value !== undefined);
  try {
    const tokens = await library.clientCredentialsGrant(
      configuration,
      Object.fromEntries(wish) as Record<string, string>,
    );
    const lifeS = tokens.expiresIn() ?? usualLifeS;
    return { value: tokens.access_token, expiresAtMs: clock.nowMs() + lifeS * 1000 };
  } catch (thrown) {
    throw faultOf(thrown, new URL(tokenUrl!).host, library);
  }
}

async function clientAuth(
  { auth, clientSecret, privateKey, keyId, keyAlgorithm = 'RS256' }: SignerUse['settings'],
  library: typeof openid,
): Promise<openid.ClientAuth> {
  if (privateKey !== undefined) {
    const { importPKCS8 } = await import('jose');
    const key = await importPKCS8(privateKey, keyAlgorithm);
    return library.PrivateKeyJwt(keyId === undefined ? key : { key, kid: keyId });
  }
  return auth === 'post' ? library.ClientSecretPost(clientSecret!) : library.ClientSecretBasic(clientSecret!);
}

function faultOf(thrown: unknown, host: string, library: typeof openid): Fault {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause)
    if (cause instanceof Fault)
      return cause.code === 'upstream/credential'
        ? cause
        : noCredential(`${host} gave no token. ${cause.message}`, thrown);
  const said =
    thrown instanceof library.ResponseBodyError
      ? `It answered ${thrown.status}: ${thrown.error}${thrown.error_description ? ` (${thrown.error_description.slice(0, 300)})` : ''}`
      : (thrown as Error).message;
  return noCredential(`${host} gave no token. ${said}`, thrown);
}
