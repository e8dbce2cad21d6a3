import type { SecretSettings, VaultSettings } from '#core/contracts/secret-source.ts';
import { parseDuration } from '#core/units.ts';
import type { SecretsSettings } from './schema-secrets.ts';

const podToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Where secrets are kept. @throws Error that says what is wrong with the settings. */
export function resolveSecrets(settings: SecretsSettings = {}): SecretSettings {
  const { vault, aws, gcp = {}, kubernetes = {} } = settings;
  const { endpoint = null, ...signing } = aws ?? {};
  return {
    refreshMs: parseDuration(settings.refresh ?? '5min'),
    vault: vault ? resolveVault(vault) : null,
    aws: { endpoint, signing: signing as Record<string, string> },
    gcp: {
      endpoint: gcp.endpoint ?? 'https://secretmanager.googleapis.com',
      credentials: gcp.credentials ?? null,
    },
    kubernetes: {
      server: kubernetes.server ?? null,
      tokenFile: kubernetes.tokenFile ?? podToken,
      ca: kubernetes.ca ?? null,
    },
  };
}

function resolveVault(vault: NonNullable<SecretsSettings['vault']>): VaultSettings {
  const { address, namespace = null, kv = 2, ca = null, token, appRole, kubernetes } = vault;
  const logins: VaultSettings['login'][] = [];
  if (token !== undefined) logins.push({ kind: 'token', token });
  if (appRole) logins.push({ kind: 'app-role', ...appRole });
  if (kubernetes) {
    const { role, mount = 'kubernetes', tokenFile = podToken } = kubernetes;
    logins.push({ kind: 'kubernetes', role, mount, tokenFile });
  }
  const [login, second] = logins;
  if (!login || second) throw new Error('expected one of token, appRole and kubernetes');
  return { address, namespace, kv, ca, login };
}

/** The one in use first; null: it is in the state directory. */
export function masterKeysOf({ masterKey }: SecretsSettings = {}): readonly string[] | null {
  return masterKey === undefined ? null : [masterKey].flat();
}
