import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askRedis, caughtUp, freePort, guard, startRedis, turn, type TestRedis } from './redis.ts';

export interface TestCluster {
  readonly urls: readonly string[];
  /** The primary that has a key's slot dies, and its replica takes its place. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** Three primaries, and a replica of the one that has the slot of `key`. */
export async function startRedisCluster(key: string): Promise<TestCluster> {
  const nodes = await Promise.all(Array.from({ length: 4 }, () => startRedis({ cluster: 'part' })));
  const [first, second, third, replica] = nodes as [TestRedis, TestRedis, TestRedis, TestRedis];
  const primaries = [first, second, third];
  const bounds = [0, 5461, 10_923, 16_384];
  for (const [i, { port }] of primaries.entries())
    await askRedis(port, ['CLUSTER', 'ADDSLOTSRANGE', `${bounds[i]!}`, `${bounds[i + 1]! - 1}`]);
  for (const { port, busPort } of nodes.slice(1))
    await askRedis(first.port, ['CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${busPort}`]);
  for (const { port } of nodes)
    await until(port, ['CLUSTER', 'INFO'], /cluster_state:ok[^]*cluster_known_nodes:4/);
  const slot = Number((await askRedis(first.port, ['CLUSTER', 'KEYSLOT', key])).slice(1));
  const holder = primaries[bounds.findIndex((bound) => slot < bound) - 1]!;
  const id = (await askRedis(holder.port, ['CLUSTER', 'MYID'])).split('\r\n')[1]!;
  await until(replica.port, ['CLUSTER', 'REPLICATE', id], /^\+OK/);
  await caughtUp(holder, replica);
  return {
    urls: primaries.map(({ url }) => url),
    async failover() {
      await holder.kill();
      await until(replica.port, ['CLUSTER', 'FAILOVER', 'TAKEOVER'], /^\+OK/);
    },
    async stop() {
      for (const node of nodes) await node.stop();
    },
  };
}

export interface TestSentinel {
  readonly url: string;
  /** The primary dies; resolves when another is known by its name. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** A primary with a replica, and a Sentinel that knows it by `name`. */
export async function startRedisSentinel(name: string): Promise<TestSentinel> {
  const primary = await startRedis();
  const replica = await startRedis({ replicaOf: primary });
  await caughtUp(primary, replica);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sentinel-'));
  const port = await freePort();
  const path = join(folder, 'sentinel.conf');
  writeFileSync(
    path,
    [
      ...[
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
      ],
      ...[`sentinel down-after-milliseconds ${name} 1000`, `sentinel failover-timeout ${name} 10000`],
    ].join('\n'),
  );
  const child = spawn('sh', ['-c', guard, 'sh', 'redis-server', path, '--sentinel'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  await until(port, ['SENTINEL', 'REPLICAS', name], new RegExp(`\\b${replica.port}\\b`));
  return {
    url: `redis://127.0.0.1:${port}`,
    async failover() {
      await primary.kill();
      await until(port, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name], new RegExp(`\\b${replica.port}\\b`));
    },
    async stop() {
      // It says nothing any more.
      void askRedis(port, ['SHUTDOWN']).catch(() => undefined);
      await exited;
      await replica.stop();
      await primary.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function until(port: number, command: readonly string[], answer: RegExp): Promise<void> {
  while (!answer.test(await askRedis(port, command).catch(() => ''))) await turn();
}
