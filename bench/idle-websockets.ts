/**
 * What an idle WebSocket costs: opens N of them through a gateway to an upstream, both in processes of their own, lets
 * them settle, and prints the gateway's proportional set size for each.
 *
 *     node --conditions=source bench/idle-websockets.ts [N]      10,000 unless said otherwise
 *
 * Each takes two file descriptors in the gateway and two here: `ulimit -n` has to allow 2 N + 500.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = Number(process.argv[2] ?? 10_000);
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const settleMs = 15_000;

const upstreamSockets = new Set<Socket>();
const upstream = createServer((socket) => {
  upstreamSockets.add(socket);
  socket.on('error', () => {});
  socket.once('data', (head) => {
    const key = /^sec-websocket-key: (.*)\r$/im.exec(head.toString('latin1'))?.[1] ?? '';
    const accept = createHash('sha1')
      .update(key + guid)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
});
upstream.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(upstream, 'listening');

const folder = mkdtempSync(join(tmpdir(), 'sluice-idle-'));
const config = {
  version: 1,
  listen: { port: 0 },
  admin: { port: 0 },
  threads: 1,
  log: { access: false },
  routes: [
    {
      name: 'live',
      match: { path: '/**' },
      to: { http: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, websocket: { ping: 0 } },
      policies: [],
    },
  ],
};
writeFileSync(join(folder, 'sluice.yaml'), JSON.stringify(config));
const cli = new URL('../src/cli/sluice.ts', import.meta.url).pathname;
const gateway = spawn(
  process.execPath,
  ['--conditions=source', cli, 'start', '--config', 'sluice.yaml', '--state', 'state'],
  { cwd: folder, stdio: ['ignore', 'inherit', 'pipe'] },
);
let banner = '';
gateway.stderr.on('data', (chunk) => (banner += String(chunk)));
while (!/http:\/\/[\w.]+:(\d+)/.test(banner)) await once(gateway.stderr, 'data');
const port = Number(/http:\/\/[\w.]+:(\d+)/.exec(banner)![1]);

const pssBytes = (): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${gateway.pid}/smaps_rollup`, 'utf8'))![1]) * 1024;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(
    'GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  if (!head.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error(head.toString('latin1'));
  return socket;
}

try {
  const warm = await Promise.all(Array.from({ length: 200 }, open));
  await pause(settleMs / 3);
  const before = pssBytes();
  const sockets: Socket[] = [];
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, open))));
  await pause(settleMs);
  const after = pssBytes();
  const mib = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  console.log(`${count} idle WebSockets: ${mib(before)} -> ${mib(after)}`);
  console.log(
    `${Math.round((after - before) / count)} bytes of memory for each, both of its connections included`,
  );
  for (const socket of [...sockets, ...warm]) socket.destroy();
} finally {
  for (const socket of upstreamSockets) socket.destroy();
  upstream.close();
  gateway.kill('SIGTERM');
  await once(gateway, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
