import type { Client } from 'pg';
import { connect, disconnect, type PostgresServer } from '#postgres/connect.ts';

const firstPauseMs = 100;
const longestPauseMs = 5_000;

export interface VersionNews {
  close(): Promise<void>;
}

/**
 * Calls back when a version of the configuration was made anywhere, and whenever a connection stands again: what was
 * announced meanwhile nobody tells again. https://www.postgresql.org/docs/current/sql-listen.html
 */
export const listenForVersions = (server: PostgresServer, onNews: () => void): VersionNews =>
  listenFor('sluice_config', server, onNews);

/** The same of any channel. */
export function listenFor(channel: string, server: PostgresServer, onNews: () => void): VersionNews {
  let client: Client | null = null;
  let closed = false;
  let pauseMs = firstPauseMs;
  let timer: NodeJS.Timeout | null = null;
  let connecting: Promise<void> = listen();

  function again(): void {
    client = null;
    if (closed || timer) return;
    timer = setTimeout(() => {
      timer = null;
      connecting = listen();
    }, pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }

  async function listen(): Promise<void> {
    let fresh: Client | null = null;
    try {
      fresh = await connect({ server, name: 'versions' });
      fresh.on('notification', onNews);
      await fresh.query(`LISTEN ${channel}`);
      fresh.once('end', again);
      client = fresh;
      pauseMs = firstPauseMs;
      onNews();
    } catch {
      if (fresh) await disconnect(fresh);
      again();
    }
  }

  return {
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await connecting;
      if (client) await disconnect(client);
    },
  };
}
