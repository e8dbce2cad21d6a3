import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SignerServices } from '#core/contracts/signer.ts';
import { readText } from '../read-text.ts';
import type { AwsCredentials } from './sign-request.ts';

/**
 * A profile's keys, from the credentials file and, for what is missing there, the configuration file.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export async function fromSharedFiles(
  profile: string,
  env: SignerServices['env'],
): Promise<AwsCredentials | null> {
  const folder = join(env['HOME'] || homedir(), '.aws');
  const credentials = await readText(env['AWS_SHARED_CREDENTIALS_FILE'] || join(folder, 'credentials'));
  const configuration = await readText(env['AWS_CONFIG_FILE'] || join(folder, 'config'));
  const keys = {
    ...(configuration === null
      ? {}
      : section(
          configuration,
          profile === 'default' ? ['default', 'profile default'] : [`profile ${profile}`],
        )),
    ...(credentials === null ? {} : section(credentials, [profile])),
  };
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: token } = keys;
  return id && secret ? { accessKeyId: id, secretAccessKey: secret, sessionToken: token || null } : null;
}

/** Names and values of a section. What is indented belongs to the name above it, and no credential is such. */
function section(text: string, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (heading !== undefined) inside = names.includes(heading.replace(/\s+/g, ' '));
    else if (inside) {
      const [, name, value = ''] = /^([^\s=#;][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (name !== undefined) found[name.toLowerCase()] = value.replace(/\s+[#;].*$/, '');
    }
  }
  return found;
}
