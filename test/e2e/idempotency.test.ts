import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import OpenAI, { APIError, UnprocessableEntityError } from '../clients/node_modules/openai/index.mjs';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startJsonUpstream, type JsonUpstream } from '../harness/json-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

const otherKey = 'sk-other-0123456789abcdef';
const sameProject = 'sk-colleague-0123456789abcdef';

let upstream: JsonUpstream;
let gateway: TestGateway;
before(async () => {
  upstream = await startJsonUpstream((response, { body, n, request }) => {
    const asked = JSON.parse(body.startsWith('{') ? body : '{}') as {
      status?: number;
      bytes?: number;
      gzip?: boolean;
    };
    const headers = { 'content-type': 'application/json', 'x-upstream-call': String(n) };
    const text = JSON.stringify({ n, url: request.url, pad: 'x'.repeat(asked.bytes ?? 0) });
    if (asked.gzip && request.headers['accept-encoding']?.includes('gzip'))
      return response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(text));
    response.writeHead(asked.status ?? 201, headers).end(text);
  });
  const route = (name: string, more: object = {}) => ({
    name,
    match: { path: `/${name}/**` },
    to: { http: upstream.url },
    policies: [{ 'key-auth': {} }, { idempotency: more }],
  });
  gateway = await startTestGateway({
    config: {
      policies: [{ 'key-auth': {} }, { 'model-access': {} }, { idempotency: {} }],
      routes: [
        { name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } },
        route('orders'),
        route('brief', { lifetime: '1s' }),
        route('small', { maxBytes: '1KiB' }),
        route('strict', { required: true }),
        route('puts', { methods: ['PUT'] }),
        {
          ...route('packed'),
          policies: [{ 'key-auth': {} }, { idempotency: {} }, { compression: { minBytes: 1 } }],
        },
        {
          ...route('limited'),
          policies: [
            { 'key-auth': {} },
            { idempotency: {} },
            { 'rate-limit': { by: 'key', requests: '2/h' } },
          ],
        },
        { ...route('open'), policies: [{ idempotency: {} }] },
        {
          ...route('twice'),
          policies: [{ 'key-auth': {} }, { idempotency: {} }, { idempotency: { lifetime: '1h' } }],
        },
      ],
      teams: { red: {}, blue: {} },
      projects: { web: { team: 'red' }, shop: { team: 'blue' } },
      keys: {
        tester: { project: 'web', secret: testKey },
        colleague: { project: 'web', secret: sameProject },
        other: { project: 'shop', secret: otherKey },
      },
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

interface Post {
  readonly key?: string;
  readonly body?: object | string;
  readonly secret?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

function post(path: string, { key, body = {}, secret = testKey, method = 'POST', headers = {} }: Post = {}) {
  return fetch(`${gateway.url}${path}`, {
    method,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...headers,
    },
  });
}

const isReplay = (answer: Response) => answer.headers.get('idempotency-replayed') === 'true';
const idOf = (answer: Response) => answer.headers.get('x-sluice-exchange')!;
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code;

describe('a REST route', () => {
  test('the same key and request: the same answer, made once', async () => {
    const key = randomUUID();
    const before = upstream.count;
    const first = await post('/orders/a?x=1', { key, body: { a: 1 } });
    const again = await post('/orders/a?x=1', { key, body: { a: 1 } });
    assert.equal(upstream.count, before + 1);
    assert.deepEqual([first.status, again.status], [201, 201]);
    assert.equal(again.headers.get('x-upstream-call'), first.headers.get('x-upstream-call'));
    assert.deepEqual([isReplay(first), isReplay(again)], [false, true]);
    assert.notEqual(idOf(again), idOf(first));
    assert.equal(await again.text(), await first.text());
    const receipt = (await receiptOf(gateway, idOf(again))) as unknown as Record<string, unknown>;
    assert.deepEqual(
      [receipt['outcome'], receipt['attempts'], receipt['flags'], receipt['replayOf']],
      ['completed', [], ['replayed'], idOf(first)],
    );
  });

  test('quoted, as the draft has it, or bare: one key', async () => {
    const key = randomUUID();
    await post('/orders/a', { key: `"${key}"` });
    assert.ok(isReplay(await post('/orders/a', { key })));
  });

  test('any other request under the key is refused: body, path, query, method', async () => {
    const key = randomUUID();
    await post('/orders/a?x=1', { key, body: '{"a":"same"}' });
    const before = upstream.count;
    for (const [path, more] of [
      ['/orders/a?x=1', { body: '{"a":"samf"}' }],
      ['/orders/a?x=1', { body: '{"a":"same"} ' }],
      ['/orders/b?x=1', { body: '{"a":"same"}' }],
      ['/orders/a?x=2', { body: '{"a":"same"}' }],
      ['/orders/a?x=1', { body: '{"a":"same"}', method: 'PATCH' }],
    ] as const) {
      const answer = await post(path, { key, ...more });
      assert.equal(answer.status, 422);
      assert.equal(await codeOf(answer), 'idempotency/mismatch');
    }
    assert.equal(upstream.count, before);
    assert.ok(isReplay(await post('/orders/a?x=1', { key, body: '{"a":"same"}' })));
  });

  test('security 57: another project never meets it, a colleague does', async () => {
    const key = randomUUID();
    const mine = await post('/orders/a', { key });
    const theirs = await post('/orders/a', { key, secret: otherKey });
    assert.ok(!isReplay(theirs));
    assert.notEqual(theirs.headers.get('x-upstream-call'), mine.headers.get('x-upstream-call'));
    // Not even so much as that the key is in use.
    const different = await post('/orders/a', { key, secret: otherKey, body: { other: 1 } });
    assert.equal(different.status, 422, 'by their own use of it');
    assert.ok(isReplay(await post('/orders/a', { key, secret: sameProject })));
  });

  test('429 and 5xx are never kept, nor is what says "come again"; a 4xx is', async () => {
    for (const status of [429, 500, 503, 408, 409, 425]) {
      const key = randomUUID();
      const before = upstream.count;
      for (let i = 0; i < 2; i++)
        assert.ok(!isReplay(await post('/orders/a', { key, body: { status } })), String(status));
      assert.equal(upstream.count, before + 2, String(status));
    }
    const key = randomUUID();
    const first = await post('/orders/a', { key, body: { status: 404 } });
    const again = await post('/orders/a', { key, body: { status: 404 } });
    assert.deepEqual([again.status, isReplay(again)], [404, true]);
    assert.equal(await again.text(), await first.text());
  });

  test('a refusal by another policy leaves the key free, and a replay counts against no limit after it', async () => {
    const keys = [1, 2, 3].map(() => randomUUID());
    for (const key of keys.slice(0, 2)) assert.equal((await post('/limited/a', { key })).status, 201);
    assert.equal((await post('/limited/a', { key: keys[2]! })).status, 429);
    const before = upstream.count;
    for (const key of keys.slice(0, 2)) assert.ok(isReplay(await post('/limited/a', { key })));
    assert.equal((await post('/limited/a', { key: keys[2]! })).status, 429, 'refused anew, not given again');
    assert.equal(upstream.count, before);
  });

  test('an answer above the bound is not given again, and not made again', async () => {
    const key = randomUUID();
    const body = { bytes: 5000 };
    const first = await post('/small/a', { key, body });
    assert.equal(((await first.json()) as { pad: string }).pad.length, 5000);
    const before = upstream.count;
    const again = await post('/small/a', { key, body });
    assert.equal(again.status, 409);
    assert.equal(again.headers.get('x-should-retry'), 'false');
    const problem = (await again.json()) as { code: string; detail: string };
    assert.equal(problem.code, 'idempotency/not-kept');
    assert.ok(problem.detail.includes(idOf(first)));
    assert.equal(upstream.count, before);
  });

  test('after its lifetime the key is new', async () => {
    const key = randomUUID();
    await post('/brief/a', { key });
    for (const until = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
      if (!isReplay(await post('/brief/a', { key }))) break;
      assert.ok(Date.now() < until, 'it is still given again');
    }
  });

  test('which methods, which keys, and whether one must be sent', async () => {
    const key = randomUUID();
    for (let i = 0; i < 2; i++) assert.ok(!isReplay(await post('/orders/a', { key, method: 'PUT' })));
    await post('/puts/a', { key, method: 'PUT' });
    assert.ok(isReplay(await post('/puts/a', { key, method: 'PUT' })));
    assert.equal((await post('/strict/a')).status, 400);
    assert.equal((await post('/strict/a', { method: 'PUT' })).status, 201);
    for (const bad of ['', 'x'.repeat(256), '"open', 'a b', '""', 'é']) {
      const answer = await post('/orders/a', { headers: { 'idempotency-key': bad } });
      assert.equal(answer.status, 400, JSON.stringify(bad));
      assert.equal(await codeOf(answer), 'idempotency/key');
    }
  });

  test('without anybody to keep for it fails closed', async () => {
    const answer = await post('/open/a', { key: randomUUID() });
    assert.equal(answer.status, 500);
    assert.equal(await codeOf(answer), 'policy/failed');
  });

  test('a policy that stands twice in the list claims once', async () => {
    const key = randomUUID();
    assert.equal((await post('/twice/a', { key })).status, 201);
    assert.ok(isReplay(await post('/twice/a', { key })));
  });

  test('what was packed by the upstream is unpacked for who cannot read it; compression is of each answer its own', async () => {
    for (const route of ['orders', 'packed']) {
      const key = randomUUID();
      const body = { gzip: true, bytes: 3000 };
      const texts: string[] = [];
      for (const accepts of ['gzip', 'gzip', 'identity']) {
        const answer = await post(`/${route}/a`, { key, body, headers: { 'accept-encoding': accepts } });
        if (accepts === 'identity') assert.equal(answer.headers.get('content-encoding'), null);
        texts.push(await answer.text());
      }
      assert.equal(new Set(texts).size, 1, route);
    }
    const key = randomUUID();
    const body = { bytes: 3000 };
    const headers = { 'accept-encoding': 'gzip' };
    const plain = await post('/packed/a', { key, body, headers });
    const again = await post('/packed/a', { key, body, headers });
    assert.deepEqual([isReplay(again), again.headers.get('content-encoding')], [true, 'gzip']);
    assert.equal(await again.text(), await plain.text());
  });

  test('forms are the same whatever their boundary is', async () => {
    const key = randomUUID();
    const form = () => {
      const data = new FormData();
      data.append('a', 'b');
      return data;
    };
    const send = () =>
      fetch(`${gateway.url}/orders/form`, {
        method: 'POST',
        body: form(),
        headers: { authorization: `Bearer ${testKey}`, 'idempotency-key': key },
      });
    assert.equal((await send()).status, 201);
    assert.ok(isReplay(await send()));
  });
});

class KeyedClient extends OpenAI {
  protected override idempotencyHeader = 'Idempotency-Key';
}

describe('models', () => {
  const ask = (options: object) => [
    { role: 'user' as const, content: `simulate:${JSON.stringify(options)}` },
  ];
  const callsOf = (model: string) => gateway.simulator.calls().filter((call) => call.model === model).length;
  const client = () => new KeyedClient({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });

  test('OpenAI’s SDK: whole answers, by its option `idempotencyKey`; one charge', async () => {
    for (const model of ['o/gpt-keyed', 'a/claude-keyed']) {
      const idempotencyKey = randomUUID();
      const create = () =>
        client()
          .chat.completions.create({ model, messages: ask({ tokens: 12 }) }, { idempotencyKey })
          .withResponse();
      const first = await create();
      const again = await create();
      assert.deepEqual(again.data, first.data);
      assert.equal(callsOf(model.slice(2)), 1);
      assert.ok(isReplay(again.response));
      const [made, given] = await Promise.all(
        [first, again].map(({ response }) => receiptOf(gateway, idOf(response))),
      );
      assert.equal(made!.attempts.length, 1);
      assert.ok(made!.attempts[0]!.lines.some(({ costNano }) => BigInt(costNano) > 0n));
      assert.deepEqual([given!.outcome, given!.attempts.length], ['completed', 0]);
    }
  });

  test('OpenAI’s SDK: a stream is given again as the bytes it was', async () => {
    const idempotencyKey = randomUUID();
    const model = 'o/gpt-streamed';
    const read = async () => {
      const { data, response } = await client()
        .chat.completions.create(
          { model, stream: true, messages: ask({ tokens: 30 }), stream_options: { include_usage: true } },
          { idempotencyKey },
        )
        .withResponse();
      const chunks: unknown[] = [];
      for await (const chunk of data) chunks.push(chunk);
      return { chunks, response };
    };
    const first = await read();
    const again = await read();
    assert.ok(first.chunks.length > 10);
    assert.deepEqual(again.chunks, first.chunks);
    assert.match(again.response.headers.get('content-type')!, /^text\/event-stream/);
    assert.equal(callsOf('gpt-streamed'), 1);
    const raw = () =>
      post('/v1/chat/completions', {
        key: idempotencyKey,
        body: { model, stream: true, messages: [{ role: 'user', content: 'x' }] },
      });
    const refused = await raw();
    assert.equal(refused.status, 422);
  });

  test('byte for byte, in the client’s dialect and across', async () => {
    for (const model of ['o/gpt-bytes', 'a/claude-bytes']) {
      const key = randomUUID();
      const body = { model, max_tokens: 100, stream: true, messages: ask({ tokens: 20, reasoning: 5 }) };
      const read = async () => {
        const answer = await post('/v1/messages', {
          key,
          body,
          headers: { 'anthropic-version': '2023-06-01' },
        });
        return createHash('sha256')
          .update(Buffer.from(await answer.arrayBuffer()))
          .digest('hex');
      };
      assert.equal(await read(), await read());
    }
  });

  test('Anthropic’s SDK, by a header', async () => {
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: testKey, maxRetries: 0 });
    const headers = { 'Idempotency-Key': randomUUID() };
    const create = () =>
      anthropic.messages.create(
        { model: 'a/claude-sdk', max_tokens: 50, messages: ask({ tokens: 5 }) },
        { headers },
      );
    assert.deepEqual(await create(), await create());
    assert.equal(callsOf('claude-sdk'), 1);
  });

  test('the SDK throws what it has for 422 and 409, in the dialect’s words', async () => {
    const idempotencyKey = randomUUID();
    const create = (tokens: number) =>
      client().chat.completions.create({ model: 'o/gpt-x', messages: ask({ tokens }) }, { idempotencyKey });
    await create(3);
    await assert.rejects(create(4), (thrown: unknown) => {
      assert.ok(thrown instanceof UnprocessableEntityError);
      assert.equal(thrown.code, 'idempotency/mismatch');
      return true;
    });
    const slow = randomUUID();
    const running = client().chat.completions.create(
      { model: 'o/gpt-x', messages: ask({ tokens: 3, latencyMs: 2500 }) },
      { idempotencyKey: slow },
    );
    let refused: unknown = null;
    while (refused === null) {
      refused = await client()
        .chat.completions.create(
          { model: 'o/gpt-x', messages: ask({ tokens: 3, latencyMs: 2500 }) },
          { idempotencyKey: slow },
        )
        .then(
          () => null,
          (error: unknown) => error,
        );
      assert.ok(refused instanceof APIError);
      assert.equal(refused.status, 409);
      assert.equal(refused.headers?.get('retry-after'), '1');
    }
    await running;
  });

  test('an upstream’s error is not kept when it may pass, nor is a stream that broke off', async () => {
    const send = async (model: string, script: object, stream: boolean) => {
      const key = randomUUID();
      const body = { model, stream, messages: ask(script) };
      for (let i = 0; i < 2; i++) {
        const answer = await post('/v1/chat/completions', { key, body });
        assert.ok(!isReplay(answer), JSON.stringify(script));
        await answer.text().catch(() => '');
      }
      return callsOf(model.slice(2));
    };
    assert.equal(await send('o/gpt-429', { status: 429 }, false), 2);
    assert.equal(await send('o/gpt-500', { status: 500 }, false), 2);
    assert.equal(await send('o/gpt-cut', { tokens: 20, resetAt: 5 }, true), 2);
  });
});

test('nothing of an answer can be read in the state directory, and the books add up', async () => {
  const key = randomUUID();
  await post('/orders/a', { key, body: { bytes: 500, word: 'plainly-legible' } });
  await gateway.admin('/v1/ledger/verify', { method: 'POST' });
  for (const file of ['answers.db', 'answers.db-wal']) {
    const bytes = readFileSync(join(gateway.stateDirectory, file));
    assert.ok(
      !bytes.includes('xxxxxxxxxxxxxxxx') && !bytes.includes(key) && !bytes.includes('x-upstream-call'),
    );
  }
  await receiptOf(gateway, idOf(await post('/orders/last', {})));
  const receipts = [...readLedger(join(gateway.stateDirectory, 'ledger.db')).export({})];
  const replayed = receipts.filter(({ flags }) => flags?.includes('replayed'));
  assert.ok(replayed.length > 10);
  const ids = new Set(receipts.map(({ id }) => id));
  for (const { attempts, replayOf } of replayed) {
    assert.equal(attempts.length, 0);
    assert.ok(ids.has(replayOf!));
  }
});
