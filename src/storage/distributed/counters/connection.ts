import { createRequire } from 'node:module';
import { getCACertificates } from 'node:tls';
import type * as Ioredis from 'ioredis';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { RedisAddress } from '#core/storage-settings.ts';
import type { ClientTls } from '#core/target.ts';
import type { Reply } from './item-arguments.ts';
import type { Script } from './lua/scripts.ts';

export interface ConnectionSettings extends RedisAddress {
  readonly scripts: Readonly<Record<string, Script>>;
  /** It can be used, for the first time or again. */
  onReady(): void;
  /** It cannot, until it is ready again. */
  onLost(reason: string): void;
}

/**
 * One connection, which comes back by itself. Nothing is sent twice by it: what was on its way when it broke is rejected, and
 * whoever asked decides.
 */
export interface Connection {
  /** All that is asked in one turn of the event loop goes out in one write, and nothing waits for earlier answers. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply>;
  /** Sets a key that is not there, for a time. False: it was there. */
  take(key: string, value: string, ms: number): Promise<boolean>;
  /** `INFO` of a section. */
  info(section: string): Promise<string>;
  /** Gives up a connection on which nothing comes any more. */
  reconnect(): void;
  /** Writes, and so round trips at most, and scripts in them. */
  readonly sent: { readonly batches: number; readonly scripts: number };
  close(): void;
}

interface Asked {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** Loaded when something is kept in Redis: it takes time and memory in every thread. */
const load = () => createRequire(import.meta.url)('ioredis') as typeof Ioredis;

export function openConnection(settings: ConnectionSettings): Connection {
  const client = connect(settings);
  const sent = { batches: 0, scripts: 0 };
  let turn: Asked[] = [];

  client.on('ready', () => {
    void loadScripts(client, settings.scripts).then(settings.onReady, (error: Error) => {
      settings.onLost(error.message);
    });
  });
  client.on('close', () => settings.onLost('the connection is closed'));
  // Of several addresses that were tried the error has a code, and no message.
  client.on('error', (error: NodeJS.ErrnoException) => settings.onLost(error.message || (error.code ?? '')));

  async function flush(): Promise<void> {
    const asked = turn;
    turn = [];
    sent.batches++;
    sent.scripts += asked.length;
    const pipeline = client.pipeline();
    for (const { script, keys, args } of asked) {
      pipeline.evalsha(script.sha1, keys.length, ...keys, ...args);
    }
    const results = await pipeline.exec().catch((error: Error) => asked.map(() => [error, null] as const));
    asked.forEach((one, i) => {
      const [error, reply] = results?.[i] ?? [new Error('no answer'), null];
      if (error?.message.startsWith('NOSCRIPT')) return sendWhole(one);
      if (error) one.reject(error);
      else one.resolve(reply as Reply);
    });
  }

  /** The server has forgotten its scripts. */
  function sendWhole({ script, keys, args, resolve, reject }: Asked): void {
    client.eval(script.text, keys.length, ...keys, ...args).then((reply) => resolve(reply as Reply), reject);
  }

  return {
    sent,
    run(script, keys, args) {
      return new Promise((resolve, reject) => {
        if (turn.push({ script, keys, args, resolve, reject }) === 1) setImmediate(() => void flush());
      });
    },
    async take(key, value, ms) {
      return (await client.set(key, value, 'PX', ms, 'NX')) === 'OK';
    },
    info: (section) => client.info(section),
    reconnect: () => client.disconnect(true),
    close: () => client.disconnect(),
  };
}

function connect(address: RedisAddress): Redis | Cluster {
  const library = load();
  const { url, cluster, sentinels } = address;
  const retryMs = (times: number) => Math.min(20 * times, 500);
  const options = {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    ...secured(address),
  };
  if (sentinels) return new library.Redis({ ...options, ...byName(url, sentinels), retryStrategy: retryMs });
  if (!cluster) return new library.Redis(url, { ...options, retryStrategy: retryMs });
  return new library.Cluster([url, ...cluster].map(placeOf), {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryMs,
    redisOptions: { ...options, ...credentialsOf(url) },
  });
}

/** The primary that Sentinels know under the name in `url`. They are asked anew for each connection that is made. */
function byName(url: string, sentinels: readonly string[]): RedisOptions {
  const { hostname, pathname } = new URL(url);
  const { username, password } = credentialsOf(sentinels[0]!);
  return {
    ...credentialsOf(url),
    name: decodeURIComponent(hostname),
    db: Number(pathname.slice(1)),
    sentinels: sentinels.map((one) => ({ port: 26_379, ...placeOf(one) })),
    sentinelRetryStrategy: (times) => Math.min(20 * times, 500),
    sentinelCommandTimeout: 2000,
    ...(password === '' ? {} : { sentinelUsername: username, sentinelPassword: password }),
    enableTLSForSentinelMode: true,
    ...(isSecure(sentinels[0]!) ? { sentinelTLS: {} } : {}),
  };
}

function placeOf(url: string): { host: string; port?: number } {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return port === '' ? { host } : { host, port: Number(port) };
}

function credentialsOf(url: string): { username: string; password: string } {
  const { username, password } = new URL(url);
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

const isSecure = (url: string): boolean => url.startsWith('rediss:');

function secured({ url, tls }: RedisAddress): Pick<RedisOptions, 'tls'> {
  if (tls) return { tls: tlsOptions(tls) };
  return isSecure(url) ? { tls: {} } : {};
}

const tlsOptions = ({ ca, cert, key }: ClientTls) => ({
  ...(ca === null ? {} : { ca: [...getCACertificates('default'), ca] }),
  ...(cert === null ? {} : { cert }),
  ...(key === null ? {} : { key }),
});

async function loadScripts(client: Redis | Cluster, scripts: ConnectionSettings['scripts']): Promise<void> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client];
  await Promise.all(
    nodes.flatMap((node) => Object.values(scripts).map(({ text }) => node.script('LOAD', text))),
  );
}
