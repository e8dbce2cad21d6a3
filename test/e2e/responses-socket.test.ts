import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import type {
  ResponsesClientEvent,
  ResponsesServerEvent,
} from '../clients/node_modules/openai/resources/responses/responses.mjs';
import { ResponsesWS } from '../clients/node_modules/openai/resources/responses/ws.mjs';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

type Library = typeof import('../clients/node_modules/@types/ws/index.d.mts');
const { WebSocket } = createRequire(new URL('../clients/package.json', import.meta.url))('ws') as Library;

const limits = { timeout: 30_000 };
let gateway: TestGateway;
let client: OpenAI;
before(async () => {
  gateway = await startTestGateway(await everyDialect());
  client = new OpenAI({ apiKey: testKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
});
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
type Create = Omit<ResponsesClientEvent.ResponseCreate, 'type'>;

/** Events as they come, in their order, from the SDK's own client. */
class Conversation {
  readonly socket: ResponsesWS;
  readonly #events: ResponsesServerEvent[] = [];
  #wake: () => void = () => {};

  constructor() {
    this.socket = new ResponsesWS(client);
    this.socket.on('event', (event) => {
      this.#events.push(event);
      this.#wake();
    });
    // Errors are events, too.
    this.socket.on('error', () => {});
  }

  send(call: Create): void {
    this.socket.send({ type: 'response.create', ...call });
  }

  async next(): Promise<ResponsesServerEvent> {
    while (this.#events.length === 0) await new Promise<void>((wake) => (this.#wake = wake));
    return this.#events.shift()!;
  }

  /** Up to and with the last event of one answer. */
  async answer(): Promise<ResponsesServerEvent[]> {
    const events: ResponsesServerEvent[] = [];
    for (;;) {
      const event = await this.next();
      events.push(event);
      if (
        event.type === 'error' ||
        event.type === 'response.completed' ||
        event.type === 'response.incomplete'
      )
        return events;
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((over) => this.socket.on('close', over));
    this.socket.close();
    await closed;
  }
}

const textOf = (events: readonly ResponsesServerEvent[]) =>
  events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
function completedOf(events: readonly ResponsesServerEvent[]) {
  const last = events.at(-1)!;
  assert.equal(last.type, 'response.completed', JSON.stringify(last));
  return last.type === 'response.completed' ? last.response : assert.fail();
}
function errorOf(events: readonly ResponsesServerEvent[]) {
  const last = events.at(-1)!;
  assert.equal(last.type, 'error');
  return last as ResponsesServerEvent.ResponseWsError;
}
interface Echo {
  turns: { role: string; parts: { type: string; text?: string }[] }[];
}
/** Texts of the conversation as the model got it, but for the last one, which scripts it. */
const historyOf = (events: readonly ResponsesServerEvent[]) =>
  (JSON.parse(textOf(events)) as Echo).turns
    .slice(0, -1)
    .map(({ role, parts }) => `${role}: ${parts.map(({ text }) => text ?? '').join('')}`);
const user = (content: string) => ({ type: 'message' as const, role: 'user' as const, content });

/** Receipts, by outcome or by provider. The ledger takes them in soon, not at once. */
async function requests(by: 'outcome' | 'provider', name: string): Promise<number> {
  const answer = await gateway.admin(`/v1/usage?by=${by}`);
  const { usage } = (await answer.json()) as { usage: Record<string, number | string>[] };
  return Number(usage.find((row) => row[by] === name)?.['requests'] ?? 0);
}
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not come to hold');
}

for (const model of ['r/gpt-sim', 'o/gpt-sim', 'a/claude-sim', 'g/gemini-sim', 'l/llama-sim']) {
  describe(`openai SDK, responses over a WebSocket → ${model}`, limits, () => {
    test('calls one after the other, each with its own events, usage and receipt', async () => {
      const talk = new Conversation();
      for (const text of ['Hello there, friend.', 'Again.']) {
        talk.send({ model, input: script({ text }) });
        const events = await talk.answer();
        assert.equal(events[0]!.type, 'response.created');
        assert.equal(textOf(events), text);
        assert.ok(completedOf(events).usage!.output_tokens > 0);
      }
      await talk.close();
      await until(async () => (await requests('provider', model[0]!)) === 2);
    });

    test('a call goes on from any answer of its WebSocket, whoever gave it', async () => {
      const talk = new Conversation();
      talk.send({ model, input: [user('What color?'), user(script({ text: 'Blue.' }))] });
      const first = completedOf(await talk.answer());
      const later = { model, previous_response_id: first.id };
      talk.send({ ...later, input: script({ echo: true }) });
      const history = historyOf(await talk.answer());
      assert.match(history.join('|'), /^user: What color\?.*assistant: Blue\.$/);
      talk.send({ ...later, input: script({ echo: true }) });
      assert.deepEqual(historyOf(await talk.answer()), history, 'a fork from the same answer');
      await talk.close();
    });
  });
}

describe('responses over a WebSocket', limits, () => {
  const model = 'o/gpt-sim';

  test('lanes are answered side by side, each in its order, and events name theirs', async () => {
    const talk = new Conversation();
    talk.send({ model, stream_id: 'slow', input: script({ text: 'Slow.', latencyMs: 300 }) });
    talk.send({ model, stream_id: 'slow', input: script({ text: 'Later.' }) });
    talk.send({ model, stream_id: 'quick', input: script({ text: 'Quick.' }) });
    const order: string[] = [];
    while (order.length < 3) {
      const event = (await talk.next()) as ResponsesServerEvent & { stream_id?: string };
      assert.ok(event.stream_id === 'slow' || event.stream_id === 'quick');
      if (event.type === 'response.completed') order.push(`${event.stream_id} ${event.response.output_text}`);
    }
    assert.deepEqual(
      order.map((line) => line.split(' ')[0]),
      ['quick', 'slow', 'slow'],
    );
    await talk.close();
  });

  test('what is prepared without an answer is what a later call goes on from', async () => {
    const talk = new Conversation();
    talk.send({ model, generate: false, input: 'The sky is green.' });
    const prepared = completedOf(await talk.answer());
    assert.deepEqual([prepared.output, prepared.usage!.total_tokens], [[], 0]);
    talk.send({ model, previous_response_id: prepared.id, input: script({ echo: true }) });
    assert.match(textOf(await talk.answer()), /The sky is green/);
    await talk.close();
  });

  test('a refusal is an error event with the status it would have had, and the WebSocket stays', async () => {
    const talk = new Conversation();
    const refused = async (call: Create) => {
      talk.send(call);
      const { status, error, stream_id: lane } = errorOf(await talk.answer());
      return { status, code: error.code, param: error.param, lane, named: error.headers !== undefined };
    };
    assert.deepEqual(await refused({ model: 'nobody', stream_id: 'x', input: 'Hi' }), {
      status: 404,
      code: 'model_not_found',
      param: 'model',
      lane: 'x',
      named: true,
    });
    const unknown = await refused({ model, previous_response_id: 'resp_elsewhere', input: 'Hi' });
    assert.equal(unknown.code, 'previous_response_not_found');
    assert.equal((await refused({ model, background: true, input: 'Hi' })).status, 400);
    assert.equal((await refused({ model, input: script({ status: 503 }) })).status, 503);
    talk.socket.sendRaw('{"type":');
    assert.equal(errorOf(await talk.answer()).status, 400);
    talk.socket.sendRaw('{"type":"response.steer","previous_response_id":"a","input":"b"}');
    assert.match(errorOf(await talk.answer()).error.message, /response\.create/);
    talk.send({ model, input: script({ text: 'Still here.' }) });
    assert.equal(textOf(await talk.answer()), 'Still here.');
    await talk.close();
  });

  test('a client that leaves ends its call, and the model is told to stop', async () => {
    const before = await requests('outcome', 'client_gone');
    const talk = new Conversation();
    talk.send({ model, input: script({ tokens: 5_000, paceMs: 10 }) });
    while ((await talk.next()).type !== 'response.output_text.delta');
    await talk.close();
    await until(async () => (await requests('outcome', 'client_gone')) === before + 1);
    const call = gateway.simulator.calls().at(-1)!;
    await until(async () => Promise.resolve(call.clientGoneAtMs !== null));
  });

  const url = () => `ws://127.0.0.1:${gateway.port}/v1/responses`;
  const headers = { authorization: `Bearer ${testKey}` };
  const statusOf = async (options: object) => {
    const raw = new WebSocket(url(), options);
    const [, answer] = (await once(raw, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    answer.resume();
    return answer.statusCode;
  };

  test('a handshake without a key, and a GET that is none, are refused', async () => {
    assert.equal(await statusOf({}), 401);
    const plain = await fetch(`${gateway.url}/v1/responses`, { headers });
    assert.deepEqual([plain.status, plain.headers.get('upgrade')], [426, 'websocket']);
  });

  test('what is no text, or no UTF-8, ends the WebSocket with its code', async () => {
    for (const [data, binary, code] of [
      [Buffer.from('{}'), true, 1003],
      [Buffer.from([0x22, 0xff]), false, 1007],
    ] as const) {
      const raw = new WebSocket(url(), { headers });
      await once(raw, 'open');
      raw.send(data, { binary });
      assert.equal((await once(raw, 'close'))[0], code);
    }
  });

  test('pings are answered, fragments put together, and a close is given back', async () => {
    const raw = new WebSocket(url(), { headers });
    await once(raw, 'open');
    raw.ping('there?');
    assert.equal(String((await once(raw, 'pong'))[0]), 'there?');
    const call = JSON.stringify({ type: 'response.create', model, input: script({ text: 'ü' }) });
    for (let i = 0; i < call.length; i += 10) raw.send(call.slice(i, i + 10), { fin: i + 10 >= call.length });
    const seen: string[] = [];
    raw.on('message', (data) => seen.push(String(data)));
    await until(async () => Promise.resolve(seen.some((text) => text.includes('"response.completed"'))));
    raw.close(4000, 'bye');
    assert.deepEqual((await once(raw, 'close')).map(String), ['4000', 'bye']);
  });
});

test('shutting down lets the call under way come to its end, then closes with 1001', limits, async () => {
  // The WebSocket itself takes no place that its call needs.
  const policies = [{ 'key-auth': {} }, { 'concurrency-limit': { max: 1, by: 'key' } }];
  const own = await startTestGateway({ config: { policies } });
  const raw = new WebSocket(`ws://127.0.0.1:${own.port}/v1/responses`, {
    headers: { authorization: `Bearer ${testKey}` },
  });
  await once(raw, 'open');
  const seen: string[] = [];
  raw.on('message', (data) => seen.push((JSON.parse(String(data)) as { type: string }).type));
  const input = script({ tokens: 20, paceMs: 10 });
  raw.send(JSON.stringify({ type: 'response.create', model: 'gpt-sim', input }));
  await once(raw, 'message');
  const closed = once(raw, 'close');
  await own.stop();
  assert.equal((await closed)[0], 1001);
  assert.equal(seen.at(-1), 'response.completed');
});

test('more than a WebSocket may hold is refused, call by call', limits, async () => {
  const own = await startTestGateway({
    config: {
      routes: [
        {
          name: 'llm',
          match: { path: '/v1/**' },
          bodyLimit: '4KiB',
          to: { llm: { websocket: { maxMessage: '10KiB', origins: ['https://app.example.com'] } } },
        },
      ],
    },
  });
  try {
    const at = `ws://127.0.0.1:${own.port}/v1/responses`;
    const headers = { authorization: `Bearer ${testKey}` };
    const raw = new WebSocket(at, { headers });
    await once(raw, 'open');
    const seen: { type: string; status?: number }[] = [];
    raw.on('message', (data) => seen.push(JSON.parse(String(data)) as { type: string }));
    const call = (options: object, padding: number) =>
      raw.send(
        JSON.stringify({
          type: 'response.create',
          model: 'gpt-sim',
          input: script(options),
          instructions: 'x'.repeat(padding),
        }),
      );
    // Too large by itself; then one that waits, and one that may not wait behind it.
    call({}, 5_000);
    await until(async () => Promise.resolve(seen.length === 1));
    call({ latencyMs: 200, text: 'Done.' }, 2_500);
    call({}, 2_500);
    await until(async () => Promise.resolve(seen.some(({ type }) => type === 'response.completed')));
    assert.deepEqual(
      seen.flatMap(({ type, status }) => (type === 'error' ? [status] : [])).sort(),
      [413, 429],
    );
    const closed = once(raw, 'close');
    call({}, 11_000);
    assert.equal((await closed)[0], 1009);
    const elsewhere = new WebSocket(at, { headers: { ...headers, origin: 'https://evil.example' } });
    const [, answer] = (await once(elsewhere, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    answer.resume();
    assert.equal(answer.statusCode, 403);
  } finally {
    await own.stop();
  }
});
