import { readFile } from 'node:fs/promises';
import type { SecretSource, VaultSettings } from '#core/contracts/secret-source.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { objectIn, refusalOf, textsOf } from './reply.ts';

interface Login {
  readonly token: string;
  readonly untilMs: number;
}

const who = 'Vault';
/** A login is made anew so long before it ends. */
const earlyMs = 60_000;

/**
 * Secrets of HashiCorp Vault or OpenBao, by `mount/path`.
 * https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
 */
export function vaultSource(
  settings: VaultSettings,
  services: Pick<SignerServices, 'ask' | 'clock'>,
): SecretSource {
  let login: Login | null = null;
  const base = settings.address.replace(/\/$/, '');
  const space = settings.namespace === null ? [] : ['x-vault-namespace', settings.namespace];

  async function tokenOf(): Promise<string> {
    if (settings.login.kind === 'token') return settings.login.token;
    const nowMs = services.clock.nowMs();
    if (login && login.untilMs - earlyMs > nowMs) return login.token;
    const reply = await services.ask({
      ...(await loginRequest(settings.login, base)),
      method: 'POST',
      headers: ['content-type', 'application/json', ...space],
    });
    if (reply.status !== 200) throw new Error(`${who} refuses the login (${reply.status})`);
    const auth = objectIn(reply, who)['auth'] as { client_token?: unknown; lease_duration?: unknown } | null;
    if (typeof auth?.client_token !== 'string') throw new Error(`${who} gave no token at the login`);
    const seconds = Number(auth.lease_duration) || 3600;
    login = { token: auth.client_token, untilMs: nowMs + seconds * 1000 };
    return login.token;
  }

  return {
    async fetch(path) {
      const url = `${base}/v1/${placeOf(path, settings.kv)}`;
      const ask = async () =>
        services.ask({
          url,
          method: 'GET',
          headers: ['x-vault-token', await tokenOf(), ...space],
          body: null,
        });
      let reply = await ask();
      if (reply.status === 403 && login) {
        // The login may have been ended there.
        login = null;
        reply = await ask();
      }
      if (reply.status !== 200) throw refusalOf(reply.status, who, path);
      const answer = objectIn(reply, who);
      const data = answer['data'] as Record<string, unknown> | null;
      const fields =
        settings.kv === 2 ? (data?.['data'] as Record<string, unknown> | null | undefined) : data;
      if (!fields || typeof fields !== 'object')
        throw new Error(`${who} has no data at ${path} (kv: ${settings.kv})`);
      const seconds = Number(answer['lease_duration']) || 0;
      return { text: null, fields: textsOf(fields), leaseMs: seconds > 0 ? seconds * 1000 : null };
    },
  };
}

/** Version 2 has the data of `mount/path` below `mount/data/path`. */
function placeOf(path: string, kv: 1 | 2): string {
  const [mount = '', ...rest] = path.split('/').map(encodeURIComponent);
  return kv === 2 ? [mount, 'data', ...rest].join('/') : [mount, ...rest].join('/');
}

async function loginRequest(
  login: Exclude<VaultSettings['login'], { readonly kind: 'token' }>,
  base: string,
): Promise<{ url: string; body: string }> {
  if (login.kind === 'app-role')
    return {
      url: `${base}/v1/auth/approle/login`,
      body: JSON.stringify({ role_id: login.roleId, secret_id: login.secretId }),
    };
  const jwt = (await readFile(login.tokenFile, 'utf8')).trim();
  return { url: `${base}/v1/auth/${login.mount}/login`, body: JSON.stringify({ role: login.role, jwt }) };
}
