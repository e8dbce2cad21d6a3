import { hash } from 'node:crypto';
import type { ConsumerCredential, PasswordCheck } from '#core/consumer.ts';
import { parsePasswordHash } from './parse-password-hash.ts';
import type { Path } from './places.ts';
import type { Problems } from './problem.ts';
import type { ConfigDocument } from './schema.ts';

type ConsumerSettings = NonNullable<ConfigDocument['consumers']>[string];
type Certificate = NonNullable<ConsumerSettings['certificates']>[number];

/** What consumers prove themselves with, besides keys. One credential is one consumer's. */
export function resolveCredentials(document: ConfigDocument, problems: Problems): ConsumerCredential[] {
  const owners = new Map<string, string>();
  const credentials: ConsumerCredential[] = [];
  const take = (credential: ConsumerCredential, path: Path) => {
    const place = placeOf(credential);
    const owner = owners.get(place);
    if (owner !== undefined)
      problems.add(path, `the consumer "${owner}" has the same ${called[credential.kind]}`);
    owners.set(place, credential.consumer);
    credentials.push(credential);
  };
  for (const [consumer, { basic, hmac, certificates }] of Object.entries(document.consumers ?? {})) {
    const at = ['consumers', consumer];
    if (basic) {
      const check = checkOf(basic, (message) => problems.add([...at, 'basic'], message));
      if (check)
        take({ consumer, kind: 'password', user: (basic.user ?? consumer).normalize('NFC'), check }, [
          ...at,
          'basic',
        ]);
    }
    for (const [i, { id, secret }] of (hmac ?? []).entries()) {
      const bytes = secret.startsWith('base64:')
        ? Buffer.from(secret.slice('base64:'.length), 'base64')
        : Buffer.from(secret);
      // Of the hash's strength nothing is left below (RFC 2104 §3 wants 32).
      if (bytes.length < 16) problems.add([...at, 'hmac', i, 'secret'], 'expected at least 16 bytes');
      take({ consumer, kind: 'signing-key', id, secretBase64: bytes.toString('base64') }, [...at, 'hmac', i]);
    }
    for (const [i, certificate] of (certificates ?? []).entries()) {
      const path = [...at, 'certificates', i];
      const named = certificateOf(certificate);
      if (named) take({ consumer, kind: 'certificate', ...named }, path);
      else problems.add(path, 'expected either "sha256", or "subject", or "san"');
    }
  }
  return credentials;
}

const called = { password: 'user name', 'signing-key': 'key id', certificate: 'certificate' } as const;

function placeOf(credential: ConsumerCredential): string {
  switch (credential.kind) {
    case 'password':
      return `user ${credential.user}`;
    case 'signing-key':
      return `signing-key ${credential.id}`;
    case 'certificate':
      return `${credential.by} ${credential.value}`;
  }
}

function checkOf(
  { password, passwordHash }: NonNullable<ConsumerSettings['basic']>,
  add: (message: string) => void,
): PasswordCheck | null {
  if ((password === undefined) === (passwordHash === undefined)) {
    add('expected either "password" or "passwordHash"');
    return null;
  }
  if (password !== undefined)
    return { scheme: 'sha256', digest: hash('sha256', password.normalize('NFC'), 'base64') };
  const parsed = parsePasswordHash(passwordHash!);
  if (typeof parsed !== 'string') return parsed;
  add(`passwordHash: ${parsed}`);
  return null;
}

function certificateOf({
  sha256,
  subject,
  san,
}: Certificate): { by: 'sha256' | 'subject' | 'san'; value: string } | null {
  if ([sha256, subject, san].filter((each) => each !== undefined).length !== 1) return null;
  if (sha256 !== undefined) return { by: 'sha256', value: sha256.replaceAll(':', '').toLowerCase() };
  return subject === undefined ? { by: 'san', value: san! } : { by: 'subject', value: subject };
}
