import { readFileSync } from 'node:fs';
import type { SecretSettings, SecretSource } from '#core/contracts/secret-source.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { gauge, type MetricJson } from '#observe/series.ts';
import { awsSource } from '#secrets/aws.ts';
import { gcpSource } from '#secrets/gcp.ts';
import { kubernetesSource } from '#secrets/kubernetes.ts';
import { SecretStore } from '#secrets/secret-store.ts';
import { vaultSource } from '#secrets/vault.ts';
import { signerServices } from './signer-services.ts';
import { systemClock } from './system-clock.ts';

export interface SecretParts {
  readonly upstream: Upstream;
  say(line: string): void;
}

/** The secrets of a configuration, over the gateway's own client. */
export function openSecrets({ upstream, say }: SecretParts): SecretStore {
  const services = (ca: string | null) =>
    signerServices(
      { proxy: null, tls: ca === null ? null : { ca, cert: null, key: null } },
      { clock: systemClock, upstream },
    );
  const sourceOf = (kind: string, settings: SecretSettings): SecretSource | null => {
    switch (kind) {
      case 'vault':
        return settings.vault && vaultSource(settings.vault, services(settings.vault.ca));
      case 'aws':
        return awsSource(settings.aws, services(null));
      case 'gcp':
        return gcpSource(settings.gcp, services(null));
      default:
        return kubernetesSource(settings.kubernetes, services(settings.kubernetes.ca ?? podAuthority()));
    }
  };
  return new SecretStore({ sourceOf, clock: systemClock, random: Math.random, say });
}

const podCa = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

/** Null: this is no pod. */
function podAuthority(): string | null {
  try {
    return readFileSync(podCa, 'utf8');
  } catch {
    return null;
  }
}

export const secretMetrics = ({ counts }: Pick<SecretStore, 'counts'>): MetricJson[] => [
  gauge(
    { name: 'sluice_secrets_kept', help: 'Secrets of other places that are in use.', aggregator: 'first' },
    [{ labels: {}, value: counts.kept }],
  ),
  gauge(
    {
      name: 'sluice_secrets_failing',
      help: 'Of them, those that could not be looked at the last time; what was there before is used on.',
      aggregator: 'first',
    },
    [{ labels: {}, value: counts.failing }],
  ),
];
