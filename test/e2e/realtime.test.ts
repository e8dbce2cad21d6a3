import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AzureOpenAI, OpenAI } from '../clients/node_modules/openai/index.mjs';
import { OpenAIRealtimeWS } from '../clients/node_modules/openai/realtime/ws.mjs';
import type { RealtimeServerEvent } from '../clients/node_modules/openai/resources/realtime/realtime.mjs';
import { startSimulator } from '../../simulator/server.ts';
import type { Receipt } from '../../src/core/receipt.ts';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { makeCertificates } from '../../src/transport/testing/certificates.ts';
import { startTestGateway, testKey } from '../harness/gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
const { WebSocket } = createRequire(new URL('../clients/package.json', import.meta.url))('ws') as Library;

const limits = { timeout: 10_000 };
const { ca, good } = makeCertificates();

/** TLS on both sides: the SDK opens no session without, and neither do vendors. */
async function begin(t: TestContext, config: Record<string, unknown> = {}) {
  const simulator = await startSimulator({ port: 0, tls: good });
  const gateway = await startTestGateway({
    simulator,
    config: {
      listen: { port: 0, tls: { certificates: [good] } },
      providers: {
        o: { dialect: 'openai-chat', baseUrl: `${simulator.url}/v1`, apiKey: 'sk-upstream', tls: { ca } },
        a: { kind: 'anthropic', baseUrl: simulator.url, apiKey: 'sk-upstream', tls: { ca } },
      },
      models: {
        voice: { targets: [{ target: 'o/gpt-realtime-sim' }] },
        spare: { targets: [{ target: 'a/claude-sim' }, { target: 'o/gpt-realtime-sim' }] },
      },
      prices: {
        'o/gpt-realtime-sim': {
          input: '4',
          output: '16',
          cacheRead: '1',
          outputAudio: '64',
          inputAudio: '32',
        },
        'o/whisper-sim': { input: '2', output: '5', inputAudio: '3' },
      },
      routes: [{ name: 'llm', match: { path: '/**' }, to: { llm: {} } }],
      ...config,
    },
  });
  t.after(async () => {
    await gateway.stop();
    await simulator.close();
  });
  const receipts = async (count: number): Promise<Receipt[]> => {
    for (let i = 0; i < 400; i++) {
      const reader = readLedger(join(gateway.stateDirectory, 'ledger.db'));
      const found = [...reader.export({})].filter(({ route }) => route === 'llm');
      reader.close();
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`fewer than ${count} receipts`);
  };
  const url = `https://127.0.0.1:${gateway.port}`;
  const client = new OpenAI({ apiKey: testKey, baseURL: `${url}/v1` });
  return { gateway, simulator, receipts, client, url, wss: url.replace('https', 'wss') };
}

/** Events as they come. */
class Talk {
  readonly #events: RealtimeServerEvent[] = [];
  readonly closed: Promise<[number, string]>;
  readonly session: OpenAIRealtimeWS;
  #wake: () => void = () => {};

  constructor(session: OpenAIRealtimeWS) {
    this.session = session;
    session.on('event', (event) => {
      this.#events.push(event);
      this.#wake();
    });
    session.on('error', () => {});
    this.closed = once(session.socket, 'close').then(([code, reason]) => [code as number, String(reason)]);
  }

  async next<T extends RealtimeServerEvent['type']>(
    type: T,
  ): Promise<Extract<RealtimeServerEvent, { type: T }>> {
    for (;;) {
      while (this.#events.length === 0) await new Promise<void>((wake) => (this.#wake = wake));
      const event = this.#events.shift()!;
      if (event.type === type) return event as Extract<RealtimeServerEvent, { type: T }>;
      if (event.type === 'error' && type !== 'error') assert.fail(JSON.stringify(event));
    }
  }

  say(text: string): void {
    this.session.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
    });
    this.session.send({ type: 'response.create' });
  }
}

/** An open session: the SDK drops what is sent before. */
async function talkTo(client: OpenAI, model: string): Promise<Talk> {
  const talk = new Talk(new OpenAIRealtimeWS({ model, options: { ca } }, client));
  const { session } = await talk.next('session.created');
  assert.equal((session as { model?: string }).model, 'gpt-realtime-sim');
  return talk;
}
const linesOf = ({ attempts }: Receipt) =>
  Object.fromEntries(
    attempts.flatMap(({ lines }) =>
      lines.map(({ line, costNano }) => [
        [line.direction, line.modality, ...(line.cache === 'none' ? [] : [line.cache])].join(' '),
        [line.count, Number(costNano)],
      ]),
    ),
  );

test('the SDK holds a session, and each response is on the ledger while it goes on', limits, async (t) => {
  const { client, receipts, simulator } = await begin(t);
  const talk = await talkTo(client, 'voice');
  talk.say('say:one two three four');
  let text = '';
  for (let i = 0; i < 4; i++) text += (await talk.next('response.output_text.delta')).delta;
  assert.equal(text, 'one two three four');
  await talk.next('response.done');
  const [first] = await receipts(1);
  assert.deepEqual(linesOf(first!), {
    'input text': [4, 16_000],
    'output text': [2, 32_000],
    'output audio': [2, 128_000],
  });
  assert.deepEqual(
    [
      first!.requestedModel,
      first!.attempts[0]!.model,
      first!.attempts[0]!.usageSource,
      first!.subjects.project,
    ],
    ['voice', 'gpt-realtime-sim', 'provider', 'web'],
  );
  talk.session.send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(1000) });
  talk.say('say:five six');
  await talk.next('response.done');
  const [, second] = await receipts(2);
  assert.deepEqual(linesOf(second!), {
    'input text': [2, 8_000],
    'input text read': [4, 4_000],
    'input audio': [10, 320_000],
    'output text': [1, 16_000],
    'output audio': [1, 64_000],
  });
  talk.session.close();
  assert.equal((await talk.closed)[0], 1000);
  const whole = (await receipts(3)).find(({ socket }) => socket)!;
  assert.deepEqual([whole.status, whole.outcome, whole.socket!.closeCode], [101, 'completed', 1000]);
  assert.deepEqual(
    whole.attempts.flatMap(({ lines }) => lines),
    [],
    'the session itself used nothing',
  );
  assert.equal(first!.traceId, whole.traceId);
  const [call] = simulator.calls();
  assert.equal(call!.requestHeaders!.authorization, 'Bearer sk-upstream');
});

test('what puts speech into words is billed as the model it is', limits, async (t) => {
  const { client, receipts } = await begin(t);
  const talk = await talkTo(client, 'voice');
  talk.session.send({
    type: 'session.update',
    session: { type: 'realtime', audio: { input: { transcription: { model: 'whisper-sim' } } } },
  });
  await talk.next('session.updated');
  talk.session.send({ type: 'input_audio_buffer.append', audio: 'A'.repeat(700) });
  talk.session.send({ type: 'input_audio_buffer.commit' });
  await talk.next('conversation.item.input_audio_transcription.completed');
  const [receipt] = await receipts(1);
  const { model, flags } = receipt!.attempts[0]!;
  assert.deepEqual([model, flags.includes('transcription')], ['whisper-sim', true]);
  assert.deepEqual(linesOf(receipt!), { 'input audio': [7, 21_000], 'output text': [3, 15_000] });
  talk.session.close();
  await talk.closed;
});

test("what the provider keeps is nobody's to name, by whatever spelling", limits, async (t) => {
  const { client, simulator } = await begin(t);
  for (const message of [
    '{"type":"session.update","session":{"type":"realtime","prompt":{"id":"pmpt_1"}}}',
    '{"type":"response.create","response":{"prompt":{"id":"pmpt_1"}}}',
    '{"type":"response.create","response":{"\\u0070rompt":{"id":"pmpt_1"}}}',
    '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_image","file_id":"file-1"}]}}',
  ]) {
    const talk = await talkTo(client, 'voice');
    talk.session.socket.send(message);
    assert.equal((await talk.closed)[0], 1008, message);
  }
  // Nothing of it was heard there.
  assert.ok(!JSON.stringify(simulator.calls()).includes('pmpt_1'));
});

test('a response is counted once though the connection is lost right after it', limits, async (t) => {
  const { client, receipts } = await begin(t);
  const talk = await talkTo(client, 'voice');
  talk.say('say:gone with a drop');
  await talk.next('response.done');
  assert.equal((await talk.closed)[0], 1014);
  const all = await receipts(2);
  assert.equal(all.length, 2);
  const response = all.find(({ socket }) => !socket)!;
  assert.deepEqual([response.outcome, linesOf(response)['output text']![0]], ['completed', 2]);
  assert.equal(all.find(({ socket }) => socket)!.fault, 'upstream/closed');
});

test('a response that never ends is on the books when its session does', limits, async (t) => {
  const { client, receipts } = await begin(t);
  const talk = await talkTo(client, 'voice');
  talk.say('hang');
  await talk.next('response.created');
  talk.session.close();
  await talk.closed;
  const response = (await receipts(2)).find(({ socket }) => !socket)!;
  assert.deepEqual([response.outcome, response.fault], ['client_gone', 'client/gone']);
  assert.ok(response.attempts[0]!.flags.includes('no-usage'));
});

test('a limit that is exhausted ends the session with an error event and 1013', limits, async (t) => {
  const { client, receipts } = await begin(t, {
    policies: [{ 'key-auth': {} }, { 'rate-limit': { requests: '3/h', by: 'key' } }],
  });
  const talk = await talkTo(client, 'voice');
  for (let i = 0; i < 2; i++) {
    talk.say('say:fine');
    await talk.next('response.done');
  }
  talk.say('say:too much');
  const { error } = await talk.next('error');
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.equal((await talk.closed)[0], 1013);
  const all = await receipts(4);
  assert.equal(all.filter(({ outcome }) => outcome === 'refused').length, 1);
});

test('a session takes no place that its responses need', limits, async (t) => {
  const { client } = await begin(t, {
    policies: [{ 'key-auth': {} }, { 'concurrency-limit': { max: 1, by: 'key' } }],
  });
  const talk = await talkTo(client, 'voice');
  for (let i = 0; i < 2; i++) {
    talk.say('say:fine');
    await talk.next('response.done');
  }
  talk.session.close();
  assert.equal((await talk.closed)[0], 1000);
});

test('a key that is withdrawn opens no more responses', limits, async (t) => {
  const { gateway, url } = await begin(t);
  const made = await gateway.admin('/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'short', project: 'web' }),
  });
  const { secret, key } = (await made.json()) as { secret: string; key: { id: string } };
  const talk = await talkTo(new OpenAI({ apiKey: secret, baseURL: `${url}/v1` }), 'voice');
  talk.say('say:fine');
  await talk.next('response.done');
  assert.equal((await gateway.admin(`/v1/keys/${key.id}`, { method: 'DELETE' })).ok, true);
  talk.say('say:too late');
  const { error } = await talk.next('error');
  assert.equal(error.code, 'invalid_api_key');
  assert.equal((await talk.closed)[0], 1008);
});

test('browsers give their key as a subprotocol, which goes no further', limits, async (t) => {
  const { wss, simulator } = await begin(t);
  const open = (protocols: string[]) => new WebSocket(`${wss}/v1/realtime?model=voice`, protocols, { ca });
  const socket = open(['realtime', `openai-insecure-api-key.${testKey}`, 'openai-organization.org-1']);
  const [first] = (await once(socket, 'message')) as [Buffer];
  assert.equal((JSON.parse(String(first)) as { type: string }).type, 'session.created');
  assert.equal(socket.protocol, 'realtime');
  const { requestHeaders } = simulator.calls().at(-1)!;
  assert.equal(requestHeaders!['sec-websocket-protocol'], 'realtime');
  assert.ok(!JSON.stringify(requestHeaders).includes(testKey));
  socket.close();
  await once(socket, 'close');
  const refused = open(['realtime', 'openai-insecure-api-key.sk-wrong']);
  const [, answer] = (await once(refused, 'unexpected-response')) as [
    unknown,
    { statusCode: number; resume(): void },
  ];
  answer.resume();
  assert.equal(answer.statusCode, 401);
});

test('paths of deployments lead to the same sessions', limits, async (t) => {
  const { url, wss, simulator } = await begin(t);
  const azure = new AzureOpenAI({
    apiKey: testKey,
    baseURL: `${url}/openai`,
    apiVersion: '2026-01-01-preview',
    deployment: 'voice',
  });
  const session = await OpenAIRealtimeWS.azure(azure, { options: { ca } });
  const talk = new Talk(session);
  await talk.next('session.created');
  talk.say('say:hello');
  await talk.next('response.done');
  session.close();
  await talk.closed;
  const old = new WebSocket(`${wss}/openai/realtime?api-version=2024-10-01-preview&deployment=voice`, {
    ca,
    headers: { 'api-key': testKey },
  });
  await once(old, 'message');
  old.close();
  await once(old, 'close');
  assert.deepEqual(
    simulator.calls().map(({ path, model }) => [path, model]),
    [
      ['/v1/realtime', 'gpt-realtime-sim'],
      ['/v1/realtime', 'gpt-realtime-sim'],
    ],
  );
});

test(
  'the next target takes over before there is a session; refusals are ordinary answers',
  limits,
  async (t) => {
    const { wss, url } = await begin(t);
    const headers = { authorization: `Bearer ${testKey}` };
    const open = (query: string) => new WebSocket(`${wss}/v1/realtime${query}`, { ca, headers });
    const taken = open('?model=spare');
    await once(taken, 'message');
    taken.close();
    await once(taken, 'close');
    for (const [query, status] of [
      ['?model=nobody', 404],
      ['?model=a/claude-sim', 501],
      ['?call_id=rtc_1', 400],
      ['?intent=transcription', 400],
    ] as const) {
      const socket = open(query);
      const [, answer] = (await once(socket, 'unexpected-response')) as [
        unknown,
        { statusCode: number; resume(): void },
      ];
      answer.resume();
      assert.equal(answer.statusCode, status, query);
    }
    const agentless = await import('node:https');
    const plain = await new Promise<number>((resolve) =>
      agentless.get(`${url}/v1/realtime?model=voice`, { ca, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }),
    );
    assert.equal(plain, 426);
  },
);

test('shutting down closes sessions with 1001, their responses on the books', limits, async (t) => {
  const { client, gateway } = await begin(t);
  const talk = await talkTo(client, 'voice');
  talk.say('hang');
  await talk.next('response.created');
  await gateway.running.stop();
  assert.equal((await talk.closed)[0], 1001);
  const reader = readLedger(join(gateway.stateDirectory, 'ledger.db'));
  const found = [...reader.export({})].filter(({ route }) => route === 'llm');
  reader.close();
  assert.equal(found.length, 2);
});
