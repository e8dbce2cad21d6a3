import type { GcpSecretSettings, SecretSource } from '#core/contracts/secret-source.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { fetchToken } from '#providers/signers/google-oauth/fetch-token.ts';
import { parseCredential } from '#providers/signers/google-oauth/parse-credential.ts';
import { Renewed } from '#providers/signers/renewed.ts';
import { documentOf, objectIn, refusalOf } from './reply.ts';

const who = 'GCP Secret Manager';
const shape = /^projects\/[^/]+\/secrets\/[^/]+\/versions\/[^/]+$/;

/** https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access */
export function gcpSource(
  { endpoint, credentials }: GcpSecretSettings,
  services: SignerServices,
): SecretSource {
  const given = credentials === null ? null : parseCredential(credentials, 'secrets.gcp.credentials');
  const token = new Renewed(() => fetchToken(given, services), services.clock);
  return {
    async fetch(path) {
      if (!shape.test(path))
        throw new Error(`expected projects/P/secrets/S/versions/V, such as …/versions/latest, got ${path}`);
      const url = `${endpoint}/v1/${path.split('/').map(encodeURIComponent).join('/')}:access`;
      const headers = ['authorization', `Bearer ${await token.get()}`];
      const reply = await services.ask({ url, method: 'GET', headers, body: null });
      if (reply.status !== 200) throw refusalOf(reply.status, who, path);
      const payload = objectIn(reply, who)['payload'] as { readonly data?: unknown } | null | undefined;
      if (typeof payload?.data !== 'string') throw new Error(`${who} answered without payload.data`);
      return documentOf(Buffer.from(payload.data, 'base64').toString('utf8'));
    },
  };
}
