import type { StorageSettings } from '#core/storage-settings.ts';
import type { Problems } from './problem.ts';
import { clientTlsOf } from './resolve-upstreams.ts';
import type { StorageDocument } from './schema-storage.ts';
import { parseDuration } from '#core/units.ts';

export function resolveStorage({ postgres, redis }: StorageDocument, problems: Problems): StorageSettings {
  for (const [name, settings] of Object.entries({ postgres, redis })) {
    // Told of here, not at the start by a driver that shows it.
    if (settings && !URL.canParse(settings.url))
      problems.add(
        ['storage', name, 'url'],
        'cannot be read as a URL; within a password "%", "@" and "/" are written %25, %40 and %2F',
      );
  }
  return {
    postgres: postgres
      ? {
          url: postgres.url,
          poolSize: postgres.pool ?? 10,
          connectTimeoutMs: parseDuration(postgres.connectTimeout ?? '5s'),
          tls: clientTlsOf(postgres.tls),
        }
      : null,
    redis: redis
      ? {
          url: redis.url,
          timeoutMs: parseDuration(redis.timeout ?? '250ms'),
          whenUnavailable: redis.whenUnavailable ?? 'refuse',
          leasePercent: redis.lease ?? 10,
          tls: clientTlsOf(redis.tls),
        }
      : null,
  };
}
