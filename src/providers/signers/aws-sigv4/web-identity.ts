import type { SignerServices } from '#core/contracts/signer.ts';
import { noCredential } from '../no-credential.ts';
import { readText } from '../read-text.ts';
import type { AwsSettings, Found } from './found.ts';

/**
 * A token in a file, exchanged for a role: how pods of EKS and jobs of others' are known. Null where none is set.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export async function fromWebIdentity(
  { region }: AwsSettings,
  { env, clock, ask }: SignerServices,
): Promise<Found | null> {
  const file = env['AWS_WEB_IDENTITY_TOKEN_FILE'];
  const role = env['AWS_ROLE_ARN'];
  if (!file || !role) return null;
  const token = await readText(file);
  if (token === null) throw noCredential(`AWS_WEB_IDENTITY_TOKEN_FILE names ${file}, which does not exist.`);
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: env['AWS_ROLE_SESSION_NAME'] || `sluice-${clock.nowMs()}`,
    WebIdentityToken: token.trim(),
  });
  const reply = await ask({
    url: `${endpointOf(String(region), env)}/`,
    method: 'POST',
    headers: ['content-type', 'application/x-www-form-urlencoded', 'accept', 'text/xml'],
    body: form.toString(),
  });
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(reply.body)?.[1]?.trim();
  const accessKeyId = field('AccessKeyId');
  const secretAccessKey = field('SecretAccessKey');
  const sessionToken = field('SessionToken');
  const expiresAtMs = Date.parse(field('Expiration') ?? '');
  if (!accessKeyId || !secretAccessKey || !sessionToken || !(expiresAtMs > 0)) {
    const said =
      reply.status === 200 ? 'without all that was expected' : (field('Message') ?? reply.body.slice(0, 300));
    throw noCredential(`AWS gave no credentials for the role ${role}. It answered ${reply.status}: ${said}`);
  }
  return { value: { accessKeyId, secretAccessKey, sessionToken }, expiresAtMs };
}

function endpointOf(region: string, env: SignerServices['env']): string {
  const given = env['AWS_ENDPOINT_URL_STS'] || env['AWS_ENDPOINT_URL'];
  if (given) return given.replace(/\/$/, '');
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
