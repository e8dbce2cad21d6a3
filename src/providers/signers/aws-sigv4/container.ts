import type { SignerServices } from '#core/contracts/signer.ts';
import { noCredential, readJsonReply } from '../no-credential.ts';
import { readText } from '../read-text.ts';
import type { Found } from './found.ts';
import { readTemporary } from './temporary.ts';

const who = "The container's credential server";
/** Of ECS and EKS. Whatever else is named must be encrypted, or on this machine. */
const knownHosts = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]', 'localhost', '[::1]'];

/** The role of an ECS task or an EKS pod; null outside of such. https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
export async function fromContainer({ env, ask }: SignerServices): Promise<Found | null> {
  const relative = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  const full = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  const url = relative ? `http://169.254.170.2${relative}` : full;
  if (!url) return null;
  const { protocol, hostname } = new URL(url);
  const isLocal = knownHosts.includes(hostname) || /^127(?:\.\d{1,3}){3}$/.test(hostname);
  if (protocol !== 'https:' && !isLocal)
    throw noCredential(
      `AWS_CONTAINER_CREDENTIALS_FULL_URI names ${hostname}: expected https, or an address of the container's own.`,
    );
  const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const token = file ? await readText(file) : env['AWS_CONTAINER_AUTHORIZATION_TOKEN'];
  const headers = ['accept', 'application/json', ...(token ? ['authorization', token.trim()] : [])];
  const reply = await ask({ url, method: 'GET', headers, body: null, ...(isLocal && { local: true }) });
  return readTemporary(readJsonReply(reply, who), who);
}
