import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestRedis {
  readonly url: string;
  /** With `tls`. */
  readonly tlsUrl: string;
  readonly port: number;
  /** By which nodes of a Cluster speak with each other; 0: it is no such node. */
  readonly busPort: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it anew on its port and folder: with `keep`, what was on disk is there again. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay, nothing is answered. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Writes each change to disk before it answers, so that a restart finds everything again. */
  readonly keep?: boolean;
  /** Follows this one. */
  readonly replicaOf?: TestRedis;
  /** In PEM: it has a port for TLS as well, which asks for certificates. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** A Cluster of this one node, which has all slots; `part`: a node of one that somebody else puts together. */
  readonly cluster?: boolean | 'part';
}

/** The server dies with the pipe to whoever started it. */
export const guard =
  '"$@" & pid=$!; (read -r _; kill -KILL $pid) <&3 & guard=$!; wait $pid; kill $guard 2>/dev/null';

/** A Redis server of its own, on a free port of 127.0.0.1, with its files in a temporary folder. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  const tlsPort = options.tls ? await freePort() : 0;
  const busPort = options.cluster ? await freePort() : 0;
  let pid = 0;
  let child = await spawnRedis();

  async function spawnRedis(): Promise<ChildProcess> {
    const { keep = false, replicaOf, cluster = false, tls } = options;
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const started = spawn(
      'sh',
      [
        ...['-c', guard, 'sh', 'redis-server'],
        ...[
          '--port',
          String(port),
          '--bind',
          '127.0.0.1',
          '--dir',
          folder,
          '--save',
          '',
          '--daemonize',
          'no',
        ],
        ...[
          '--appendonly',
          keep ? 'yes' : 'no',
          '--appendfsync',
          'always',
          '--repl-diskless-sync-delay',
          '0',
        ],
        ...(replicaOf ? ['--replicaof', '127.0.0.1', String(replicaOf.port)] : []),
        ...(tls
          ? [
              ...['--tls-port', String(tlsPort), '--tls-cert-file', file('cert', tls.cert)],
              ...['--tls-key-file', file('key', tls.key), '--tls-ca-cert-file', file('ca', tls.ca)],
            ]
          : []),
        ...(cluster
          ? [
              ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort)],
              ...['--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '2000'],
            ]
          : []),
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    const ended = once(started, 'exit').then(() => {
      throw new Error('redis-server did not start (Debian: apt-get install redis-server)');
    });
    await Promise.race([answers(port), ended]);
    ended.catch(() => undefined);
    pid = Number(/process_id:(\d+)/.exec(await askRedis(port, ['INFO', 'server']))![1]);
    return started;
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(pid, 'SIGKILL');
    await exited;
  }

  if (options.cluster === true) {
    await askRedis(port, ['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    while (!(await askRedis(port, ['CLUSTER', 'INFO'])).includes('cluster_state:ok')) await turn();
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    tlsUrl: `rediss://127.0.0.1:${tlsPort}`,
    port,
    busPort,
    kill,
    async restart() {
      await kill();
      child = await spawnRedis();
    },
    pause: () => void process.kill(pid, 'SIGSTOP'),
    resume: () => void process.kill(pid, 'SIGCONT'),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a replica the primary, as a sentinel would. */
export async function promote(replica: TestRedis): Promise<void> {
  await askRedis(replica.port, ['REPLICAOF', 'NO', 'ONE']);
}

/** Resolves when a replica has all that its primary has. */
export async function caughtUp(primary: TestRedis, replica: TestRedis): Promise<void> {
  const offset = async ({ port }: TestRedis, name: string) =>
    new RegExp(`${name}:(\\d+)`).exec(await askRedis(port, ['INFO', 'replication']))?.[1];
  const linked = async () =>
    (await askRedis(replica.port, ['INFO', 'replication'])).includes('master_link_status:up');
  while (
    !(await linked()) ||
    (await offset(primary, 'master_repl_offset')) !== (await offset(replica, 'slave_repl_offset'))
  )
    await turn();
}

/** One command over a connection of its own; the reply as it stands on the wire. */
export function askRedis(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const bulk = /^\$(\d+)\r\n/.exec(text);
      const whole = bulk ? text.length >= bulk[0].length + Number(bulk[1]) + 2 : text.endsWith('\r\n');
      if (!whole) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('error', reject);
    socket.write(
      `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
    );
  });
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const text = await askRedis(port, ['PING']).catch(() => '');
    if (text.startsWith('+PONG')) return;
    await turn();
  }
}

export const turn = () => new Promise((resolve) => setTimeout(resolve, 10));

export interface RedisProxy {
  readonly url: string;
  /** Where new connections lead from now on, and the ones that are there are cut. */
  lead(port: number): void;
  /** Cuts all connections. */
  cut(): void;
  /** The next `count` answers that hold `text` are withheld: the server has done its work, and the connection is cut. */
  loseReplies(text: string | null, count: number): void;
  /** Connections are cut that were made so far. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** Stands before a Redis, so that connections can be cut after a command was carried out and before its answer comes. */
export async function startRedisProxy(port: number): Promise<RedisProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let target = port;
  let losing = 0;
  let losingText: string | null = null;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let asked = '';
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      if (losing > 0) asked += chunk.toString('latin1');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (losing > 0 && (losingText === null || asked.includes(losingText))) {
        losing--;
        cuts++;
        return end();
      }
      asked = '';
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const [client] of pairs) client.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(next) {
      target = next;
      cut();
    },
    cut,
    loseReplies(text, count) {
      losingText = text;
      losing = count;
    },
    get cuts() {
      return cuts;
    },
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
