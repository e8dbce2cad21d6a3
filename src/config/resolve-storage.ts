import type { StorageSettings } from '#core/storage-settings.ts';
import type { Problems } from './problem.ts';
import { clientTlsOf } from './resolve-upstreams.ts';
import type { StorageDocument } from './schema-storage.ts';
import { parseDuration, parseSize } from '#core/units.ts';

/** The tables beside the answers would be most of less. */
const leastAnswersBytes = 64 * 1024;
const mostAnswersBytes = 64 * 1024 ** 3;

export function resolveStorage(document: StorageDocument, problems: Problems): StorageSettings {
  const { postgres, redis } = document;
  const answersBytes = parseSize(document.answers ?? '64MiB');
  if (answersBytes < leastAnswersBytes || answersBytes > mostAnswersBytes)
    problems.add(['storage', 'answers'], 'is from 64KiB to 64GiB');
  const check = (url: string, ...place: (string | number)[]): void => {
    // Told of here, not at the start by a driver that shows it.
    if (!URL.canParse(url))
      problems.add(
        ['storage', ...place],
        'cannot be read as a URL; within a password "%", "@" and "/" are written %25, %40 and %2F',
      );
  };
  if (postgres) check(postgres.url, 'postgres', 'url');
  if (redis) checkRedis(redis, problems, check);
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
          cluster: redis.cluster === true ? [] : (redis.cluster ?? null),
          sentinels: redis.sentinels ?? null,
          timeoutMs: parseDuration(redis.timeout ?? '250ms'),
          whenUnavailable: redis.whenUnavailable ?? 'refuse',
          leasePercent: redis.lease ?? 10,
          tls: clientTlsOf(redis.tls),
        }
      : null,
    answersBytes,
  };
}

function checkRedis(
  { url, cluster, sentinels }: NonNullable<StorageDocument['redis']>,
  problems: Problems,
  check: (url: string, ...place: (string | number)[]) => void,
): void {
  check(url, 'redis', 'url');
  const further = { cluster: cluster === true ? [] : (cluster ?? []), sentinels: sentinels ?? [] };
  for (const [key, urls] of Object.entries(further)) urls.forEach((one, i) => check(one, 'redis', key, i));
  if (cluster !== undefined && sentinels !== undefined)
    problems.add(
      ['storage', 'redis', 'sentinels'],
      'a Cluster is found without Sentinels; leave one of them out',
    );
}
