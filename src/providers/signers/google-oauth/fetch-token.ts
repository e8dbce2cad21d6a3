import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Question } from '#core/contracts/ask.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { noCredential, readJsonReply } from '../no-credential.ts';
import { readText } from '../read-text.ts';
import type { Lent } from '../renewed.ts';
import { textOf } from '../json-text.ts';
import { parseCredential, type AuthorizedUser, type GoogleCredential } from './parse-credential.ts';
import { signAssertion } from './sign-assertion.ts';

/**
 * A new access token.
 * https://cloud.google.com/docs/authentication/application-default-credentials
 * @throws Fault `upstream/credential`.
 */
export async function fetchToken(
  given: GoogleCredential | null,
  services: SignerServices,
): Promise<Lent<string>> {
  const credential = given ?? (await findCredential(services.env));
  const { question, who } = credential ? exchange(credential, services) : askMachine(services.env);
  const reply = await services.ask(question).catch((error: Error) => {
    if (credential) throw error;
    throw noCredential(
      'There are no credentials of Google Cloud: not in the provider (google.credentials), not in ' +
        `GOOGLE_APPLICATION_CREDENTIALS, not of gcloud, and none of this machine (${error.message})`,
      error,
    );
  });
  const answer = readJsonReply(reply, who);
  const token = textOf(answer, 'access_token');
  const seconds = Number(answer['expires_in'] ?? 3600);
  if (token === undefined || !(seconds > 0))
    throw noCredential(`${who} answered without access_token and expires_in, both of which were expected.`);
  return { value: token, expiresAtMs: services.clock.nowMs() + seconds * 1000 };
}

/** Of a file that the environment names, or of the one that gcloud writes. */
async function findCredential(env: SignerServices['env']): Promise<GoogleCredential | null> {
  const named = env['GOOGLE_APPLICATION_CREDENTIALS'];
  if (named) {
    const text = await readText(named);
    if (text === null)
      throw noCredential(`GOOGLE_APPLICATION_CREDENTIALS names ${named}, which does not exist.`);
    return parseCredential(text, named);
  }
  const folder = env['CLOUDSDK_CONFIG'] || join(env['HOME'] || homedir(), '.config', 'gcloud');
  const path = join(folder, 'application_default_credentials.json');
  const text = await readText(path);
  return text === null ? null : parseCredential(text, path);
}

interface Asked {
  readonly question: Question;
  readonly who: string;
}

const form = 'application/x-www-form-urlencoded';

function exchange(credential: GoogleCredential, { clock }: SignerServices): Asked {
  const fields =
    credential.type === 'service_account'
      ? {
          grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
          assertion: signAssertion(credential, clock.nowMs()),
        }
      : refresh(credential);
  return {
    who: new URL(credential.tokenUrl).host,
    question: {
      url: credential.tokenUrl,
      method: 'POST',
      headers: ['content-type', form, 'accept', 'application/json'],
      body: new URLSearchParams(fields).toString(),
    },
  };
}

/** RFC 6749 §6. */
const refresh = (user: AuthorizedUser): Record<string, string> => ({
  grant_type: 'refresh_token',
  client_id: user.clientId,
  client_secret: user.clientSecret,
  refresh_token: user.refreshToken,
});

/** https://cloud.google.com/compute/docs/access/authenticate-workloads */
function askMachine(env: SignerServices['env']): Asked {
  const host = env['GCE_METADATA_HOST'] || 'metadata.google.internal';
  return {
    who: 'The metadata server',
    question: {
      url: `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`,
      method: 'GET',
      headers: ['metadata-flavor', 'Google'],
      body: null,
      local: true,
    },
  };
}
