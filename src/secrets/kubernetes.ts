import { readFile } from 'node:fs/promises';
import type { KubernetesSettings, SecretSource } from '#core/contracts/secret-source.ts';
import type { SignerServices } from '#core/contracts/signer.ts';
import { objectIn, refusalOf } from './reply.ts';

const who = 'Kubernetes';

/** https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/#get-read-the-specified-secret */
export function kubernetesSource(settings: KubernetesSettings, services: SignerServices): SecretSource {
  return {
    async fetch(path) {
      const [namespace, name, ...more] = path.split('/');
      if (!namespace || !name || more.length > 0) throw new Error(`expected namespace/secret, got ${path}`);
      const server = settings.server ?? serverOf(services.env);
      // It is renewed in its file while we run.
      const token = (await readFile(settings.tokenFile, 'utf8').catch(() => '')).trim();
      if (token === '') throw new Error(`${who}: there is no token in ${settings.tokenFile}`);
      const reply = await services.ask({
        url: `${server}/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`,
        method: 'GET',
        headers: ['authorization', `Bearer ${token}`, 'accept', 'application/json'],
        body: null,
      });
      if (reply.status !== 200) throw refusalOf(reply.status, who, path);
      const data = (objectIn(reply, who)['data'] ?? {}) as Record<string, unknown>;
      const fields = Object.entries(data).map(([key, value]) => [
        key,
        Buffer.from(String(value), 'base64').toString('utf8'),
      ]);
      return { text: null, fields: Object.fromEntries(fields) as Record<string, string>, leaseMs: null };
    },
  };
}

function serverOf(env: SignerServices['env']): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host)
    throw new Error(`${who}: no server is known, since this is no pod: say secrets.kubernetes.server`);
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
