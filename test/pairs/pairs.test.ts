/**
 * Every dialect of clients against every dialect of providers, through real sockets: the same intents, each answer heard by the
 * client's official library.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FinishReason } from '#core/answer.ts';
import { chatDialects } from '#dialects/index.ts';
import { officialReaders, type Reading } from '../conformance/dialect/official-readers.ts';
import { readPlainly } from '../conformance/dialect/recordings.ts';
import { readsAs, traits } from '../conformance/dialect/traits.ts';
import { dialectClients, sendWish, type Wish } from '../harness/dialect-clients.ts';
import { everyDialect, providers } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { countsOf, receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => void (gateway = await startTestGateway(await everyDialect())));
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

const script = (options: object) => `simulate:${JSON.stringify(options)}`;
const lastCall = () => gateway.simulator.calls().at(-1)!;

interface Heard extends Reading {
  readonly headers: Headers;
}

async function ask(dialect: string, wish: Wish): Promise<Heard> {
  const answer = await sendWish({ url: gateway.url, key: testKey }, dialect, { wish });
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString());
  const { headers } = answer;
  if (wish.stream) {
    const isBinary = headers.get('content-type')!.includes('eventstream');
    const [read] = Object.values(officialReaders[dialect]!);
    return { ...(await read!(bytes.toString(isBinary ? 'latin1' : 'utf8'))), headers };
  }
  const payloads = [JSON.parse(bytes.toString()) as Record<string, unknown>];
  const plain = readPlainly({ name: '', dialect, form: 'whole', payloads, reasoningBeside: false });
  const toolCalls = plain.toolNames.map((name) => ({ name, arguments: '' }));
  return { ...plain, reasoning: '', toolCalls, headers };
}

/** The word that a client of the dialect has for it. */
const wordFor = (dialect: string, reason: FinishReason) => {
  const of = traits[dialect]!;
  return of.finish[readsAs(of, reason)];
};

async function settled({ headers }: Heard) {
  const receipt = await receiptOf(gateway, headers.get('x-sluice-exchange')!);
  return { ...receipt, counts: countsOf(receipt.attempts.at(-1)!) };
}

const dialectOf = (provider: string): string => {
  const settings = providers[provider as keyof typeof providers];
  if ('dialect' in settings) return settings.dialect;
  return {
    openai: 'openai-chat',
    anthropic: 'anthropic-messages',
    mistral: 'openai-chat',
    google: 'gemini-generate',
  }[settings.kind];
};

test('there is a client and a provider of every dialect', () => {
  const known = chatDialects.map(({ name }) => name).sort();
  assert.deepEqual(Object.keys(dialectClients).sort(), known);
  assert.deepEqual([...new Set(Object.keys(providers).map(dialectOf))].sort(), known);
});

for (const [client, { hasTools, hasSystem, hasSchema }] of Object.entries(dialectClients)) {
  for (const provider of Object.keys(providers)) {
    const spoken = dialectOf(provider);
    const says = dialectClients[spoken]!;
    const model = `${provider}/sim`;
    const both = (mine: false | undefined, its: false | undefined) => mine !== false && its !== false;
    describe(`${client} → ${provider} (${spoken})`, () => {
      for (const stream of [false, true]) {
        const form = stream ? 'streamed' : 'whole';
        test(`text, ${form}: word for word, with the usage that is on the receipt`, async () => {
          const heard = await ask(client, {
            model,
            stream,
            text: script({ text: 'Größe, 大小 and\n\n"size".' }),
          });
          assert.equal(heard.text, 'Größe, 大小 and\n\n"size".');
          assert.equal(heard.finish, wordFor(client, 'stop'));
          const { outcome, counts } = await settled(heard);
          assert.equal(outcome, 'completed');
          const { promptTokens, tokensGenerated } = lastCall();
          assert.deepEqual(counts, { input: promptTokens, output: tokensGenerated });
          if (heard.usage) {
            const { input, output } = heard.usage;
            assert.deepEqual({ input, output }, { input: promptTokens, output: tokensGenerated });
          }
          assert.equal(heard.headers.get('x-sluice-dropped'), null);
        });

        test(`cut at its limit, ${form}`, async () => {
          const heard = await ask(client, { model, stream, maxTokens: 3, text: script({ tokens: 9 }) });
          assert.equal(heard.finish, wordFor(client, 'length'));
        });

        // What is relayed as it came is not heard by this client here: its vendor always says a call's type, and this provider never.
        const isHeard = !(stream && client === 'openai-chat' && provider === 'm');
        if (both(hasTools, says.hasTools) && isHeard)
          test(`two tools at once, ${form}, and their results`, async () => {
            const tools = [
              { name: 'get_weather', arguments: { city: 'Oslo' } },
              { name: 'get_time', arguments: { city: 'Bern' } },
            ];
            const heard = await ask(client, { model, stream, tools: true, text: script({ tools }) });
            assert.deepEqual(
              heard.toolCalls.map((call) => call.name),
              ['get_weather', 'get_time'],
            );
            if (stream)
              assert.deepEqual(
                heard.toolCalls.map((call) => JSON.parse(call.arguments) as object),
                [{ city: 'Oslo' }, { city: 'Bern' }],
              );
            const results = tools.map(({ name, arguments: { city } }, i) => {
              return {
                id: `call_${i}`,
                name,
                city,
                result: script({ text: `All is ${name === 'get_time' ? 'late' : 'wet'}.` }),
              };
            });
            const text = 'Weather and time?';
            const after = await ask(client, { model, stream, tools: true, text, results });
            assert.match(after.text, /./);
            assert.deepEqual(after.toolCalls, []);
          });
      }

      if (both(hasSystem, says.hasSystem))
        test('a system prompt and earlier turns reach the provider', async () => {
          await ask(client, {
            model,
            stream: true,
            system: 'Be as brief as can be.',
            earlier: ['What was first?', 'The egg was first.'],
            text: 'And then?',
          });
          const sent = JSON.stringify(lastCall().body);
          for (const part of ['Be as brief as can be.', 'What was first?', 'The egg was first.', 'And then?'])
            assert.ok(sent.includes(part), `${part} in ${sent}`);
        });

      if (both(hasSchema, says.hasSchema))
        test('structured output', async () => {
          const heard = await ask(client, { model, stream: true, structured: true, text: 'Which city?' });
          assert.equal(typeof (JSON.parse(heard.text) as { city: unknown }).city, 'string');
        });

      test("a cache that was read is inside some vendors' input and beside others', and the same on every receipt", async () => {
        const usage = { prompt: 50, cached: 20, completion: 4 };
        const { counts } = await settled(
          await ask(client, { model, stream: true, text: script({ tokens: 4, usage }) }),
        );
        const read = counts['input/read'] ?? 0;
        // Not every vendor tells of it.
        assert.ok([0, 20].includes(read), JSON.stringify(counts));
        assert.equal(counts['input']! + read, 50);
        assert.equal(counts['output'], 4);
      });

      test('errors keep their status, their delay and their words', async () => {
        for (const status of [400, 401, 403, 404, 429, 500, 503]) {
          const wish = {
            model,
            stream: true,
            text: script({ status, retryAfter: 3, errorMessage: 'No, thank you.' }),
          };
          const answer = await sendWish({ url: gateway.url, key: testKey }, client, { wish });
          const text = await answer.text();
          assert.equal(answer.status, status, text);
          assert.match(text, /No, thank you\./);
          if (status === 429) assert.equal(answer.headers.get('retry-after'), '3');
        }
      });

      test('an error in the stream is raised by the client library', async () => {
        const wish = { model, stream: true, text: script({ tokens: 5, errorInStreamAt: 2 }) };
        await assert.rejects(ask(client, wish));
      });

      test('a client that goes takes the upstream with it', async () => {
        const abort = new AbortController();
        const wish = { model, stream: true, text: script({ tokens: 300, paceMs: 10 }) };
        const answer = await sendWish({ url: gateway.url, key: testKey }, client, {
          wish,
          signal: abort.signal,
        });
        await answer.body!.getReader().read();
        abort.abort();
        const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
        assert.equal(receipt.outcome, 'client_gone');
        const served = gateway.simulator.calls().find(({ exchangeId }) => exchangeId === receipt.id)!;
        for (const until = Date.now() + 5_000; served.finished === 'running' && Date.now() < until;)
          await new Promise((resolve) => setTimeout(resolve, 5));
        assert.equal(served.finished, 'client-gone');
      });
    });
  }
}
