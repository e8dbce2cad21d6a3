import { Client } from 'pg';
import type { PostgresSettings } from '#core/storage-settings.ts';
import { postgresClient } from './connect-postgres.ts';

const longestPauseMs = 5_000;

export interface VersionNews {
  close(): Promise<void>;
}

/**
 * Calls back when a version of the configuration was made anywhere, and whenever a connection stands again: what was
 * announced meanwhile nobody tells again. https://www.postgresql.org/docs/current/sql-listen.html
 */
export const listenForVersions = (settings: PostgresSettings, onNews: () => void): VersionNews =>
  listenFor('sluice_config', settings, onNews);

/** The same of any channel. */
export function listenFor(channel: string, settings: PostgresSettings, onNews: () => void): VersionNews {
  let client: Client | null = null;
  let closed = false;
  let pauseMs = 100;
  let timer: NodeJS.Timeout | null = null;

  function again(): void {
    client = null;
    if (closed || timer) return;
    timer = setTimeout(() => {
      timer = null;
      void connect();
    }, pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }

  async function connect(): Promise<void> {
    const fresh = new Client(postgresClient(settings));
    client = fresh;
    fresh.on('error', () => undefined);
    fresh.on('end', again);
    fresh.on('notification', onNews);
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${channel}`);
      pauseMs = 100;
      onNews();
    } catch {
      // One that never stood does not always say that it has ended.
      void fresh.end().catch(() => undefined);
      if (client === fresh) again();
    }
  }

  void connect();
  return {
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
