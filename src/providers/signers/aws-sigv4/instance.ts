import type { SignerServices } from '#core/contracts/signer.ts';
import { readJsonReply } from '../no-credential.ts';
import type { Found } from './found.ts';
import { readTemporary } from './temporary.ts';

const path = '/latest/meta-data/iam/security-credentials/';

/**
 * The role of an EC2 instance, by the second version of its metadata service; null where there is none.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
export async function fromInstance({ env, ask }: SignerServices): Promise<Found | null> {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') return null;
  const base = (env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || 'http://169.254.169.254').replace(/\/$/, '');
  const session = await ask({
    url: `${base}/latest/api/token`,
    method: 'PUT',
    headers: ['x-aws-ec2-metadata-token-ttl-seconds', '21600'],
    body: null,
    local: true,
  }).catch(() => null);
  if (session?.status !== 200) return null;
  const headers = ['x-aws-ec2-metadata-token', session.body.trim()];
  const get = (url: string) => ask({ url, method: 'GET', headers, body: null, local: true });
  const roles = await get(base + path);
  const role = roles.body.trim().split('\n')[0];
  if (roles.status !== 200 || !role) return null;
  const who = "The instance's metadata service";
  return readTemporary(readJsonReply(await get(base + path + encodeURIComponent(role)), who), who);
}
