/** Ordered targets behind one name: as long as nothing of an answer was delivered, the next one takes over unseen. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import Anthropic from '../clients/node_modules/@anthropic-ai/sdk/index.mjs';
import Legacy from '../clients/node_modules/anthropic-legacy/index.mjs';
import OpenAI from '../clients/node_modules/openai/index.mjs';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let first: Simulator;
let second: Simulator;
let gateway: TestGateway;
let made = 0;

before(async () => {
  [first, second] = await Promise.all([startSimulator({ port: 0 }), startSimulator({ port: 0 })]);
  const nobody = `http://127.0.0.1:${await closedPort()}`;
  const both = (name: string, url: string) => ({
    [`${name}-openai`]: { dialect: 'openai-chat', baseUrl: `${url}/v1`, apiKey: 'k' },
    [`${name}-anthropic`]: { dialect: 'anthropic-messages', baseUrl: url, apiKey: 'k' },
  });
  const pairs = ['first', 'nobody'].flatMap((name) =>
    dialects.flatMap((one) =>
      dialects.map((other) => [
        `${name}-${one}-then-${other}`,
        { targets: [`${name}-${one}/model-1`, `second-${other}/model-2`] },
      ]),
    ),
  );
  gateway = await startTestGateway({
    simulator: second,
    config: {
      providers: { ...both('first', first.url), ...both('second', second.url), ...both('nobody', nobody) },
      prices: Object.fromEntries(
        dialects.map((d) => [`second-${d}/*`, { input: '2', output: '8' }]),
      ) as object,
      models: Object.fromEntries(pairs) as object,
    },
  });
});
after(async () => {
  // The gateway is not there when its configuration was refused; the simulators would keep the process alive.
  await Promise.all([first.close(), second.close(), (gateway as TestGateway | undefined)?.stop()]);
});

const dialects = ['openai', 'anthropic'] as const;

/** A port on which nobody listens: it was free a moment ago, and the system gives free ones out in turn. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Heard {
  readonly text: string;
  readonly headers: Headers;
}

interface Ask {
  readonly model: string;
  readonly stream: boolean;
}

async function askOpenai({ model, stream }: Ask): Promise<Heard> {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: testKey, maxRetries: 0 });
  const call = { model, messages: [{ role: 'user' as const, content: 'Hello' }] };
  if (!stream) {
    const { data, response } = await client.chat.completions.create(call).withResponse();
    return { text: data.choices[0]!.message.content!, headers: response.headers };
  }
  const { data, response } = await client.chat.completions.create({ ...call, stream }).withResponse();
  let text = '';
  for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? '';
  return { text, headers: response.headers };
}

const askAnthropic =
  (Client: typeof Anthropic) =>
  async ({ model, stream }: Ask): Promise<Heard> => {
    const client = new Client({ baseURL: gateway.url, apiKey: testKey, maxRetries: 0 });
    const call = { model, max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hello' }] };
    if (!stream) {
      const { data, response } = await client.messages.create(call).withResponse();
      return {
        text: data.content.map((b) => (b.type === 'text' ? b.text : '')).join(''),
        headers: response.headers,
      };
    }
    const { data, response } = await client.messages.create({ ...call, stream }).withResponse();
    let text = '';
    for await (const event of data)
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    return { text, headers: response.headers };
  };

const clients = {
  openai: askOpenai,
  '@anthropic-ai/sdk': askAnthropic(Anthropic),
  'anthropic-legacy': askAnthropic(Legacy as unknown as typeof Anthropic),
} as const;

interface StoredReceipt {
  readonly outcome: string;
  readonly dropped: readonly string[];
  readonly attempts: readonly {
    readonly number: number;
    readonly provider: string;
    readonly status: number;
    readonly fault: string | null;
    readonly lines: readonly { readonly line: { readonly count: number } }[];
  }[];
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function receiptOf(headers: Headers): Promise<StoredReceipt> {
  made++;
  const id = headers.get('x-sluice-exchange')!;
  for (const until = Date.now() + 10_000; Date.now() < until; await pause(25)) {
    const answer = await gateway.admin(`/v1/receipts/${id}`);
    if (answer.ok) return (await answer.json()) as StoredReceipt;
  }
  throw new Error(`no receipt of ${id}`);
}

/** How the first target fails before any content; what its attempt then says. */
const failures = {
  'status 500': { script: { status: 500 }, status: 500, fault: 'upstream/closed' },
  'status 429': { script: { status: 429 }, status: 429, fault: 'upstream/rate-limited' },
  'status 401': { script: { status: 401 }, status: 401, fault: 'upstream/refused' },
  'an error in its stream': { script: { errorInStreamAt: 0 }, status: 200, fault: null },
  'a connection that breaks': { script: { resetAt: 0 }, status: 0, fault: 'upstream/closed' },
  'an unreachable address': { script: null, status: 0, fault: 'upstream/connect' },
} as const;

for (const [client, ask] of Object.entries(clients)) {
  for (const [how, { script, status, fault }] of Object.entries(failures)) {
    for (const stream of how === 'an error in its stream' ? [true] : [true, false]) {
      test(`${client}, ${stream ? 'streamed' : 'whole'}: ${how}, and the second target answers`, async () => {
        const check = (receipt: StoredReceipt, failing: string, answering: string) => {
          assert.equal(receipt.outcome, 'completed');
          const [failed, answered, ...more] = receipt.attempts;
          assert.deepEqual(more, []);
          assert.equal(failed!.provider, failing);
          assert.equal(failed!.status, status);
          assert.ok(failed!.fault, 'the failed attempt says no fault');
          if (fault) assert.equal(failed!.fault, fault);
          assert.equal(answered!.provider, answering);
          assert.equal(answered!.fault, null);
          assert.ok(
            answered!.lines.some(({ line }) => line.count > 0),
            'the answer is not counted',
          );
        };
        const checks: Promise<void>[] = [];
        for (const one of dialects) {
          for (const other of dialects) {
            first.reset();
            second.reset();
            if (script) first.enqueue(script);
            second.enqueue({ text: 'The second answers.' });
            const name = script ? 'first' : 'nobody';
            const heard = await ask({ model: `${name}-${one}-then-${other}`, stream });
            assert.equal(heard.text, 'The second answers.');
            assert.equal(heard.headers.get('x-sluice-attempts'), '2');

            checks.push(
              receiptOf(heard.headers).then((receipt) => check(receipt, `${name}-${one}`, `second-${other}`)),
            );
            assert.equal(first.calls().length, script ? 1 : 0);
            assert.equal(second.calls().length, 1);
          }
        }
        await Promise.all(checks);
      });
    }
  }
}

describe('no other target takes over', () => {
  for (const [client, ask] of Object.entries(clients)) {
    test(`${client}: once content was delivered`, async () => {
      for (const one of dialects) {
        first.reset();
        second.reset();
        first.enqueue({ tokens: 9, errorInStreamAt: 3, paceMs: 5 });
        await assert.rejects(ask({ model: `first-${one}-then-openai`, stream: true }));
        made++;
        assert.equal(second.calls().length, 0);
      }
    });

    test(`${client}: for a call that any of them would refuse`, async () => {
      for (const one of dialects) {
        first.reset();
        second.reset();
        first.enqueue({ status: 400 });
        await assert.rejects(
          ask({ model: `first-${one}-then-openai`, stream: false }),
          (error: unknown) => (error as { status?: number }).status === 400,
        );
        made++;
        assert.equal(second.calls().length, 0);
      }
    });
  }

  test('and when the last fails, too, its own error is told', async () => {
    first.reset();
    second.reset();
    first.enqueue({ status: 500 });
    second.enqueue({ status: 429, retryAfter: 3 });
    await assert.rejects(
      askOpenai({ model: 'first-openai-then-anthropic', stream: true }),
      (error: unknown) => error instanceof OpenAI.RateLimitError && error.headers.get('retry-after') === '3',
    );
    made++;
  });
});

test('each call has exactly one receipt', async () => {
  const counted = async () => {
    const answer = await gateway.admin('/v1/usage?by=key');
    const { usage } = (await answer.json()) as { usage: readonly { readonly requests: number }[] };
    return usage.reduce((sum, row) => sum + row.requests, 0);
  };
  for (const until = Date.now() + 10_000; Date.now() < until && (await counted()) < made;) await pause(25);
  assert.equal(await counted(), made);
});
