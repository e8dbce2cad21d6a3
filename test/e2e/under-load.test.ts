/** The command itself, under traffic of every kind at once, reloaded again and again, and then ended. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startSimulator } from '../../simulator/server.ts';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { emptyFolder, startCommand } from '../harness/command.ts';
import { adminToken, standardConfig, testKey } from '../harness/gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
/** The library's types are a package of their own, so that its path says nothing about them. */
const { WebSocket, WebSocketServer } = createRequire(new URL('../clients/package.json', import.meta.url))(
  'ws',
) as Library;

const auth = { authorization: `Bearer ${testKey}` };
const reloads = process.env['SLUICE_LONG'] ? 40 : 6;

/** `UND_ERR_SOCKET`: an idle connection was closed just when it was to be used again. */
const leavings = new Set(['ECONNREFUSED', 'ECONNRESET', 'ERR_HTTP2_STREAM_ERROR', 'UND_ERR_SOCKET']);

/** What clients have seen: all that was answered, and everything that went wrong. */
class Watch {
  readonly ids: string[] = [];
  readonly failures: string[] = [];
  stopping = false;

  /**
   * Repeats a call until the gateway has left: connections are refused, or reset before anybody has looked at them, and
   * streams that come too late are refused. What it has served is found in its books.
   */
  async repeat(name: string, call: () => Promise<string>): Promise<number> {
    for (let calls = 0; ; calls++) {
      try {
        this.ids.push(await call());
      } catch (error) {
        const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
        const left = leavings.has(code ?? '');
        if (this.stopping && left) return calls;
        this.failures.push(`${name}: ${(error as Error).message} (${code ?? 'no code'})`);
        return calls;
      }
    }
  }
}

async function plain(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/echo`, { headers: auth });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return answer.headers.get('x-sluice-exchange')!;
}

async function chat(url: string, script: object): Promise<string> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...auth, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'o/gpt-sim',
      stream: true,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
    }),
  });
  const text = await answer.text();
  if (answer.status !== 200 || !text.endsWith('data: [DONE]\n\n'))
    throw new Error(`${answer.status} ${text.slice(-300)}`);
  return answer.headers.get('x-sluice-exchange')!;
}

/** One session after the other: a session that was told to go takes nothing new. */
function http2Caller(url: string): () => Promise<string> {
  let session: ClientHttp2Session | null = null;
  return async () => {
    if (!session || session.closed || session.destroyed) {
      session = connectHttp2(url);
      session.on('error', () => {});
      const made = session;
      session.on('goaway', () => made.close());
      await once(session, 'connect');
    }
    const stream = session.request({ ':path': '/api/echo', ...auth });
    const closed = once(stream, 'close').then(() => {
      throw Object.assign(new Error('closed without an end'), { code: 'ERR_HTTP2_STREAM_ERROR' });
    });
    const [headers] = (await Promise.race([once(stream, 'response'), closed])) as [Record<string, string>];
    stream.resume();
    await Promise.race([once(stream, 'end'), closed]);
    closed.catch(() => {});
    if (Number(headers[':status']) !== 200) throw new Error(`status ${headers[':status']}`);
    return headers['x-sluice-exchange']!;
  };
}

/** Says something again and again, and hears it; resolves with the code it was closed with. */
async function talk(url: string, watch: Watch): Promise<{ code: number; echoes: number }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers: auth });
  await once(socket, 'open');
  let echoes = 0;
  const closed = once(socket, 'close') as Promise<[number]>;
  socket.on('message', (data: Buffer) => {
    if (data.toString() !== `n${echoes}`) watch.failures.push(`WebSocket: ${data.toString()} for n${echoes}`);
    echoes++;
    setTimeout(() => socket.readyState === socket.OPEN && socket.send(`n${echoes}`), 10);
  });
  socket.send('n0');
  const [code] = await closed;
  return { code, echoes };
}

async function echoServer(t: TestContext): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test(
  'security 46 and 47: reloads fail nothing and close nothing; SIGTERM lets all that is under way end, and all of it is on the books',
  { timeout: 120_000 },
  async (t) => {
    const simulator = await startSimulator();
    t.after(() => simulator.close());
    const cwd = emptyFolder();
    const { admin: _, listen: __, routes, ...config } = standardConfig(simulator.url);
    const sockets = { name: 'sockets', match: { path: '/ws' }, to: { http: await echoServer(t) } };
    const write = (more: object[]) =>
      writeFileSync(
        join(cwd, 'sluice.yaml'),
        stringify({
          ...config,
          drain: { delay: '1s', grace: '30s' },
          routes: [...more, ...(routes as object[]), sockets],
        }),
      );
    write([]);
    const { url, adminUrl, stop } = await startCommand(t, {
      cwd,
      args: ['--config', 'sluice.yaml', '--state', 'state', '--threads', '2'],
      env: { SLUICE_ADMIN_TOKEN: adminToken },
    });
    /** In force on every thread. */
    const version = async () => {
      const headers = { authorization: `Bearer ${adminToken}` };
      const { workers } = (await (await fetch(`${adminUrl}/v1/status`, { headers })).json()) as {
        workers: { snapshotVersion: number }[];
      };
      return Math.min(...workers.map(({ snapshotVersion }) => snapshotVersion));
    };

    const watch = new Watch();
    const talks = Array.from({ length: 6 }, () => talk(url, watch));
    const long = Array.from({ length: 4 }, () => chat(url, { tokens: 100 + 40 * reloads, paceMs: 20 }));
    const loops = [
      ...Array.from({ length: 3 }, () => watch.repeat('plain', () => plain(url))),
      ...Array.from({ length: 2 }, () => watch.repeat('HTTP/2', http2Caller(url))),
      ...Array.from({ length: 3 }, () => watch.repeat('stream', () => chat(url, { tokens: 8, paceMs: 5 }))),
    ];
    const first = await version();
    for (let i = 1; i <= reloads; i++) {
      write([
        { name: `extra-${i}`, match: { path: `/extra-${i}` }, to: { static: { body: 'x' } }, policies: [] },
      ]);
      while ((await version()) < first + i) await pause(20);
      const extra = await fetch(`${url}/extra-${i}`);
      assert.equal(await extra.text(), 'x');
      watch.ids.push(extra.headers.get('x-sluice-exchange')!);
    }
    assert.deepEqual(watch.failures, []);

    watch.stopping = true;
    const exit = stop();
    const counts = await Promise.all(loops);
    watch.ids.push(...(await Promise.all(long)));
    const ended = await Promise.all(talks);
    assert.equal(await exit, 0);
    assert.deepEqual(watch.failures, []);
    assert.ok(
      counts.every((calls) => calls > 5),
      counts.join(),
    );
    assert.deepEqual(
      ended.map(({ code }) => code),
      ended.map(() => 1001),
    );
    assert.ok(ended.every(({ echoes }) => echoes > 10));

    const reader = readLedger(join(cwd, 'state', 'ledger.db'));
    try {
      assert.deepEqual(reader.verify().findings, []);
      // Nobody was served without hearing of it, and nobody heard of what is not on the books.
      const served = [...reader.export({})].filter(
        ({ outcome, route }) => outcome === 'completed' && route !== 'sockets',
      );
      assert.deepEqual(served.map(({ id }) => id).sort(), watch.ids.sort());
    } finally {
      reader.close();
    }
  },
);
