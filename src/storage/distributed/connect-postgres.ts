import type { ClientConfig } from 'pg';
import type { PostgresSettings } from '#core/storage-settings.ts';

/** Of a client, or of each client of a pool. */
export function postgresClient(settings: PostgresSettings): ClientConfig {
  const { url, connectTimeoutMs, tls } = settings;
  return {
    connectionString: url,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'sluice',
    keepAlive: true,
    ...(tls === null
      ? {}
      : {
          ssl: {
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.cert === null ? {} : { cert: tls.cert }),
            ...(tls.key === null ? {} : { key: tls.key }),
          },
        }),
  };
}

/** Host, port and database, and no secret. */
export function postgresPlace({ url }: Pick<PostgresSettings, 'url'>): string {
  const { hostname, port, pathname } = new URL(url);
  return `PostgreSQL at ${hostname || 'localhost'}:${port || 5432}${pathname === '/' ? '' : pathname}`;
}

/** What a person is told when it cannot be used: the driver's reason, the place, what to do. */
export function postgresFailure(settings: Pick<PostgresSettings, 'url'>, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = message || code || String(error);
  return new Error(`${postgresPlace(settings)} cannot be used (${reason}): ${remedyOf(code)}`, {
    cause: error,
  });
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function remedyOf(code: string | undefined): string {
  if (code === '28P01' || code === '28000')
    return 'check user and password of storage.postgres.url, and pg_hba.conf';
  if (code === '3D000') return 'create that database, or name another in storage.postgres.url';
  if (code === '42501')
    return 'grant this user CREATE on the schema, or run the first start as one who has it';
  return 'check that it runs and that storage.postgres.url names it';
}
