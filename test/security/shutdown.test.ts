/** The command itself, as a supervisor ends it: SIGTERM while answers are under way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { emptyFolder, startCommand, type StartedCommand } from '../harness/command.ts';
import { adminToken, standardConfig, testKey } from '../harness/gateway.ts';
import { acceptFor, sampleKey, switching } from '../harness/raw-websocket.ts';

const auth = { authorization: `Bearer ${testKey}` };
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** An upstream that begins every answer and ends it when it is told to. */
class HeldUpstream {
  readonly server: Server;
  readonly #held: { readonly response: ServerResponse; readonly end: string }[] = [];

  constructor() {
    this.server = createServer((request, response) => {
      const isChat = request.url!.endsWith('/chat/completions');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(isChat ? chunk({ role: 'assistant', content: 'begun' }) : 'data: begun\n\n');
      const end = isChat
        ? `${chunk({ content: ' ended' })}${chunk({}, 'stop')}data: [DONE]\n\n`
        : 'data: ended\n\n';
      this.#held.push({ response, end });
    });
    this.server.on('upgrade', ({ headers }, socket) => {
      socket.on('error', () => {}).on('end', () => socket.end());
      socket.write(switching(acceptFor(headers['sec-websocket-key']!)));
    });
  }

  async start(t: TestContext): Promise<string> {
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  endAll(): void {
    for (const { response, end } of this.#held) response.end(end);
  }
}

interface OpenStream {
  readonly id: string;
  /** All that came, once it has ended; null when it was cut. */
  readonly rest: Promise<string | null>;
}

async function open(url: string, init: RequestInit = {}): Promise<OpenStream> {
  const answer = await fetch(url, { ...init, headers: { ...auth, ...(init.headers as object) } });
  assert.equal(answer.status, 200);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value!;
  assert.match(text, /begun/);
  const rest = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
  })();
  return { id: answer.headers.get('x-sluice-exchange')!, rest: rest.catch(() => null) };
}

/** One stream of either kind of route. */
async function openStreams(url: string): Promise<{ llm: OpenStream; http: OpenStream }> {
  const body = JSON.stringify({
    model: 'o/gpt-held',
    stream: true,
    messages: [{ role: 'user', content: 'x' }],
  });
  const headers = { 'content-type': 'application/json' };
  const [llm, http] = await Promise.all([
    open(`${url}/v1/chat/completions`, { method: 'POST', body, headers }),
    open(`${url}/api/held`),
  ]);
  return { llm, http };
}

async function startHeld(t: TestContext, upstream: HeldUpstream, drain: object) {
  const cwd = emptyFolder();
  const { admin: _, listen: __, ...config } = standardConfig(await upstream.start(t));
  writeFileSync(join(cwd, 'sluice.yaml'), stringify({ ...config, drain }));
  const command = await startCommand(t, {
    cwd,
    args: ['--config', 'sluice.yaml', '--state', 'state'],
    env: { SLUICE_ADMIN_TOKEN: adminToken },
  });
  return { command, state: join(cwd, 'state') };
}

/** Follows readiness until it fails, as a load balancer does. */
async function unready({ adminUrl }: StartedCommand): Promise<string> {
  for (;;) {
    const answer = await fetch(`${adminUrl}/readyz`);
    const text = await answer.text();
    if (answer.status === 503) return text;
    assert.equal(answer.status, 200);
  }
}

/** Resolves with a connection that has become the upstream's. */
async function openSocket(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  socket.write(
    `GET /api/socket HTTP/1.1\r\nHost: a\r\nAuthorization: ${auth.authorization}\r\n` +
      `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${sampleKey}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1\.1 101 /);
  return socket;
}

const receiptsOf = (state: string) => {
  const reader = readLedger(join(state, 'ledger.db'));
  try {
    assert.deepEqual(reader.verify().findings, []);
    return [...reader.export({})];
  } finally {
    reader.close();
  }
};

describe('security 47: SIGTERM while streams are open', () => {
  test('readiness fails first, streams finish, all is on the books, and the exit code is 0', async (t) => {
    const upstream = new HeldUpstream();
    const { command, state } = await startHeld(t, upstream, { grace: '60s' });
    const { llm, http } = await openStreams(command.url);
    const stopped = command.stop();
    assert.match(await unready(command), /shutting down/);
    upstream.endAll();
    assert.match((await llm.rest) ?? 'cut', /ended.*data: \[DONE\]\n\n$/s);
    assert.equal(await http.rest, 'data: begun\n\ndata: ended\n\n');
    assert.equal(await stopped, 0);
    assert.deepEqual(readdirSync(join(state, 'journal')), []);
    const receipts = receiptsOf(state);
    assert.deepEqual(
      receipts.map(({ id, outcome }) => ({ id, outcome })).sort((a, b) => (a.id < b.id ? -1 : 1)),
      [llm.id, http.id].sort().map((id) => ({ id, outcome: 'completed' })),
    );
  });

  test('what outlasts the grace is ended, on the books as well, and the exit code is 0', async (t) => {
    const upstream = new HeldUpstream();
    const { command, state } = await startHeld(t, upstream, { grace: '300ms' });
    const { llm, http } = await openStreams(command.url);
    const socket = await openSocket(command.url);
    const closed = once(socket, 'close');
    assert.equal(await command.stop(), 0);
    await closed;
    assert.doesNotMatch((await llm.rest) ?? '', /\[DONE\]/);
    assert.equal(await http.rest, null);
    const receipts = receiptsOf(state);
    assert.equal(receipts.length, 3);
    for (const { id, outcome } of receipts)
      if (id === llm.id || id === http.id) assert.notEqual(outcome, 'completed');
      else assert.ok(outcome, 'the upgraded connection');
  });

  test('during the delay new calls are served while readiness fails; after it nobody is let in', async (t) => {
    const upstream = new HeldUpstream();
    const { command } = await startHeld(t, upstream, { delay: '2s', grace: '60s' });
    const { llm } = await openStreams(command.url);
    const stopped = command.stop();
    await unready(command);
    const late = await open(`${command.url}/api/late`);
    const port = Number(new URL(command.url).port);
    for (let refused = false; !refused;) {
      const socket = connect(port, '127.0.0.1');
      refused = await Promise.race([
        once(socket, 'connect').then(() => false),
        once(socket, 'error').then(() => true),
      ]).catch(() => true);
      socket.destroy();
    }
    upstream.endAll();
    assert.match((await llm.rest) ?? 'cut', /\[DONE\]/);
    assert.match((await late.rest) ?? 'cut', /ended/);
    assert.equal(await stopped, 0);
  });
});
