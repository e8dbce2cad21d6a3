import { createPrivateKey } from 'node:crypto';
import type { ProviderRecord, SignerUse } from '#core/target.ts';
import type { Path } from './places.ts';
import type { Problems } from './problem.ts';
import type { AwsSettings, OAuth2Settings } from './schema-signers.ts';
import type { ProviderSettings } from './schema-provider.ts';

export interface ResolvedSigner {
  /** Null: a key in a header proves it, or nothing does. */
  readonly signer: SignerUse | null;
  /** Address that follows from the settings; null where none does. */
  readonly baseUrl: string | null;
  /** What to say where there is no other address. */
  readonly missing: string | null;
}

/** What proves to a provider who calls, and where its settings say that it is. */
export function resolveSigner(
  settings: ProviderSettings,
  record: ProviderRecord | undefined,
  { at, problems }: { readonly at: Path; readonly problems: Problems },
): ResolvedSigner {
  const { aws, google, oauth2, apiKey, baseUrl } = settings;
  for (const [name, other] of Object.entries({ aws, google, apiKey }))
    if (oauth2 && other) problems.add([...at, 'oauth2'], `expected either "${name}" or "oauth2", got both`);
  if (aws && google) problems.add([...at, 'google'], 'expected either "aws" or "google", got both');
  if (aws) checkAws(aws, { apiKey, at: [...at, 'aws'], problems });
  if (google && apiKey) problems.add([...at, 'apiKey'], 'expected either "apiKey" or "google", got both');
  if (oauth2) {
    const tell = (message: string) => problems.add([...at, 'oauth2'], message);
    return { signer: resolveOAuth2(oauth2, tell), baseUrl: null, missing: null };
  }
  const kind = aws ? 'aws-sigv4' : google ? 'google-oauth' : record?.signer;
  if (kind === undefined) return { signer: null, baseUrl: null, missing: null };
  const used = kind === 'aws-sigv4' ? definedOf(aws ?? {}) : googleSettings(google ?? {}, at, problems);
  const located = record?.locate?.(used) ?? null;
  // A key is enough by itself; the region then says the address only.
  const signer = apiKey === undefined ? { kind, settings: used } : null;
  const missing =
    kind === 'aws-sigv4'
      ? 'expected "aws" with the region, as in aws: { region: us-east-1 }'
      : 'expected "google" with the project, which the credential does not name';
  if (kind === 'aws-sigv4' && signer && !aws && baseUrl !== undefined) problems.add(at, missing);
  return { signer, baseUrl: located, missing: record?.locate && located === null ? missing : null };
}

/** `tell`: what is wrong with the settings. */
export function resolveOAuth2(settings: OAuth2Settings, tell: (message: string) => void): SignerUse {
  const { clientSecret, privateKey, auth, keyId, keyAlgorithm } = settings;
  if ((clientSecret === undefined) === (privateKey === undefined))
    tell(
      `expected either "clientSecret" or "privateKey", got ${privateKey === undefined ? 'neither' : 'both'}`,
    );
  else if (auth !== undefined && (auth === 'private_key_jwt') !== (privateKey !== undefined))
    tell(`"auth: ${auth}" wants "${auth === 'private_key_jwt' ? 'privateKey' : 'clientSecret'}"`);
  if (privateKey === undefined && (keyId ?? keyAlgorithm) !== undefined)
    tell('"keyId" and "keyAlgorithm" belong to "privateKey"');
  if (privateKey !== undefined && !isPrivateKey(privateKey)) tell('"privateKey" is no private key in PEM');
  return { kind: 'oauth2', settings: definedOf(settings) };
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private';
  } catch {
    return false;
  }
}

function checkAws(
  { accessKeyId, secretAccessKey, sessionToken, profile }: AwsSettings,
  { apiKey, at, problems }: { apiKey: ProviderSettings['apiKey']; at: Path; problems: Problems },
): void {
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    problems.add(at, 'expected both "accessKeyId" and "secretAccessKey", got one of them');
  if (sessionToken !== undefined && accessKeyId === undefined)
    problems.add(at, 'expected "accessKeyId" and "secretAccessKey" beside "sessionToken"');
  if (profile !== undefined && accessKeyId !== undefined)
    problems.add(at, 'expected either "profile" or "accessKeyId", got both');
  if (apiKey !== undefined && (accessKeyId ?? profile) !== undefined)
    problems.add(
      at,
      `expected either "apiKey" or ${profile === undefined ? 'an access key' : 'a profile'}, got both`,
    );
}

/** The service account knows its project. */
function googleSettings(
  google: NonNullable<ProviderSettings['google']>,
  at: Path,
  problems: Problems,
): Record<string, string> {
  let project = google.project;
  if (google.credentials !== undefined) {
    const own = projectOf(google.credentials);
    if (own === null)
      problems.add(
        [...at, 'google', 'credentials'],
        'expected the JSON of a credential, such as ${file:account.json}',
      );
    else project ??= own;
  }
  return definedOf({ ...google, project, location: google.location ?? 'global' });
}

/** Empty where it names none; null where it is no credential. */
function projectOf(credentials: string): string | undefined | null {
  try {
    const parsed = JSON.parse(credentials) as { type?: unknown; project_id?: unknown } | null;
    if (typeof parsed?.type !== 'string') return null;
    const { project_id: project } = parsed;
    return typeof project === 'string' && /^[a-z0-9][a-z0-9.:-]*$/.test(project) ? project : undefined;
  } catch {
    return null;
  }
}

const definedOf = (of: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).filter((entry): entry is [string, string] => entry[1] !== undefined));
