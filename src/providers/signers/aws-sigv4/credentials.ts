import type { SignerServices } from '#core/contracts/signer.ts';
import { noCredential } from '../no-credential.ts';
import { fromContainer } from './container.ts';
import type { AwsSettings, Found } from './found.ts';
import { fromInstance } from './instance.ts';
import { fromSharedFiles } from './shared-files.ts';
import type { AwsCredentials } from './sign-request.ts';
import { fromWebIdentity } from './web-identity.ts';

/** What is in a file may be exchanged by others: it is read again so often. */
const rereadMs = 15 * 60_000;

/**
 * Credentials from the settings, or from where AWS's own SDKs look for them, in their order: environment, shared files, web
 * identity, container, instance. A profile that is named is the only one looked at.
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 * @throws Fault `upstream/credential` saying where they were looked for.
 */
export async function findCredentials(settings: AwsSettings, services: SignerServices): Promise<Found> {
  const { accessKeyId, secretAccessKey, sessionToken = null } = settings;
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresAtMs: null };
  const { env, clock } = services;
  const profile = settings.profile ?? (env['AWS_PROFILE'] || undefined);
  if (profile === undefined) {
    const given = fromEnvironment(env);
    if (given) return { value: given, expiresAtMs: null };
  }
  const filed = await fromSharedFiles(profile ?? 'default', env);
  if (filed) return { value: filed, expiresAtMs: clock.nowMs() + rereadMs };
  if (profile !== undefined)
    throw noCredential(
      `The profile "${profile}" has no aws_access_key_id and aws_secret_access_key in AWS's shared files.`,
    );
  const found =
    (await fromWebIdentity(settings, services)) ??
    (await fromContainer(services)) ??
    (await fromInstance(services));
  if (found) return found;
  throw noCredential(
    'There are no AWS credentials: not in the provider (aws.accessKeyId, aws.secretAccessKey), not in the environment ' +
      "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), not in AWS's shared files, and none of a role.",
  );
}

function fromEnvironment(env: SignerServices['env']): AwsCredentials | null {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return null;
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || null,
  };
}
