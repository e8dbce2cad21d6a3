import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { countsOf, settled, type Ask, type DialectName } from '../harness/receipts.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: {
      prices: {
        'o/*': { input: '2', output: '8', request: '0.001', tiers: [{ fromInputTokens: 1_000, input: '4' }] },
        'a/*': { input: '3', output: '15', units: { searches: '0.01' } },
      },
    },
  });
});
after(() => gateway.stop());

const figures = { prompt: 100, completion: 40, cached: 30, reasoning: 10 };
const counts = { input: 70, 'input/read': 30, output: 30, 'output/reasoning': 10 };
const models = { chat: 'o/gpt-sim', messages: 'a/claude-sim' } as const;
const all: readonly Pick<Ask, 'dialect' | 'model'>[] = (['chat', 'messages'] as const).flatMap((dialect) =>
  Object.values(models).map((model) => ({ dialect, model })),
);
/** What the simulator saw of the last call. */
const served = () => gateway.simulator.calls().at(-1)!;

describe('1–2: usage is asked for', () => {
  test('nobody asked: the gateway asks upstream, and the client sees nothing of it', async () => {
    const { text, last } = await settled(gateway, {
      dialect: 'chat',
      model: models.chat,
      script: { tokens: 9 },
    });
    assert.deepEqual((served().body as { stream_options: unknown }).stream_options, { include_usage: true });
    assert.ok(!text.includes('"usage"'), text);
    assert.ok(!text.includes('"choices":[]'), text);
    assert.equal(last.usageSource, 'provider');
    assert.equal(countsOf(last)['output'], served().tokensGenerated);
    assert.deepEqual(last.flags, []);
  });

  test('other stream options are kept beside it', async () => {
    const body = { stream_options: { include_obfuscation: false } };
    const { text, last } = await settled(gateway, {
      dialect: 'chat',
      model: models.chat,
      script: { tokens: 9 },
      body,
    });
    const asked = { include_obfuscation: false, include_usage: true };
    assert.deepEqual((served().body as { stream_options: unknown }).stream_options, asked);
    assert.ok(!text.includes('"usage"'), text);
    assert.equal(last.usageSource, 'provider');
  });
});

test('3: an upstream that refuses to be asked is tried once without, not asked again, and counted here', async () => {
  const own = await startTestGateway();
  try {
    for (const round of [1, 2]) {
      const ask: Ask = {
        dialect: 'chat',
        model: models.chat,
        script: { tokens: 20, rejectStreamOptions: true },
      };
      const { status, receipt, last } = await settled(own, ask);
      assert.equal(status, 200);
      assert.equal(receipt.outcome, 'completed');
      assert.equal(receipt.attempts.length, round === 1 ? 2 : 1, `round ${round}`);
      if (round === 1) assert.deepEqual([receipt.attempts[0]!.status, receipt.attempts[0]!.lines], [400, []]);
      assert.equal(last.usageSource, 'gateway_count');
      assert.deepEqual(last.flags, ['no-usage']);
      assert.ok(countsOf(last)['output']! >= 10, JSON.stringify(last.lines));
    }
    const mine: Ask = {
      dialect: 'chat',
      model: models.chat,
      script: { tokens: 3, rejectStreamOptions: true },
      body: { stream_options: { include_usage: true } },
    };
    assert.equal((await settled(own, mine)).status, 400, 'what the client asked for is the client’s affair');
  } finally {
    await own.stop();
  }
});

describe('4: wherever usage stands, it is taken once', () => {
  for (const mode of ['normal', 'finish-chunk', 'twice', 'cumulative', 'null-on-chunks'] as const) {
    for (const { dialect, model } of all) {
      test(`${mode}, ${dialect} → ${model}`, async () => {
        const { last } = await settled(gateway, {
          dialect,
          model,
          script: { tokens: 6, usage: { ...figures, mode } },
        });
        assert.deepEqual(countsOf(last), counts);
        assert.equal(last.usageSource, 'provider');
      });
    }
  }

  for (const { dialect, model } of all) {
    test(`in a whole answer, ${dialect} → ${model}`, async () => {
      const { last } = await settled(gateway, { dialect, model, stream: false, script: { usage: figures } });
      assert.deepEqual(countsOf(last), counts);
      assert.equal(last.usageSource, 'provider');
    });
  }
});

describe('6: framing changes nothing of the count', () => {
  const framings: Record<string, object> = {
    'no [DONE]': { noDone: true },
    CRLF: { crlf: true },
    comments: { comments: true },
    'a chunk for each byte': { splitAt: 'every', text: 'Grüße, 世界! 👋' },
    'data over several lines': { multiLineData: true },
    gzip: { gzip: 'always' },
  };
  for (const [name, framing] of Object.entries(framings)) {
    for (const { dialect, model } of all) {
      test(`${name}, ${dialect} → ${model}`, async () => {
        const script = { tokens: 6, usage: figures, ...framing };
        const { receipt, last } = await settled(gateway, { dialect, model, script });
        assert.equal(receipt.outcome, 'completed');
        assert.deepEqual(countsOf(last), counts);
        assert.equal(last.usageSource, 'provider');
      });
    }
  }
});

describe('7: figures that cannot be are kept, flagged and never replaced', () => {
  const expected: Record<string, readonly [string, readonly [string, string]]> = {
    zero: ['zero-usage', ['provider', 'provider']],
    negative: ['negative', ['provider_partial', 'provider_partial']],
    nan: ['not-a-number', ['provider_partial', 'provider_partial']],
    huge: ['implausible', ['provider_partial', 'provider_partial']],
  };
  for (const [usage, [flag, sources]] of Object.entries(expected)) {
    for (const stream of [true, false]) {
      for (const [i, dialect] of (['chat', 'messages'] as const).entries()) {
        test(`${usage}, ${dialect}, ${stream ? 'streamed' : 'whole'}`, async () => {
          const script = { tokens: 6, usage };
          const { last } = await settled(gateway, { dialect, model: models[dialect], stream, script });
          assert.ok(last.flags.includes(flag), last.flags.join());
          assert.equal(last.usageSource, sources[i]);
          assert.notEqual(last.rawUsage, null);
          assert.ok(last.lines.every(({ line }) => line.count === 0));
        });
      }
    }
  }
});

describe('8: no usage at all: prompt and output are counted here, of every choice', () => {
  const cases: readonly [DialectName, Record<string, unknown>, object][] = [
    ['chat', { text: 'one two three four five six' }, {}],
    ['messages', { text: 'one two three four five six' }, {}],
    ['chat', { text: 'one two', reasoning: 'three four five six' }, {}],
    [
      'messages',
      { tools: [{ name: 'weather', arguments: { town: 'Ulm' } }] },
      { tools: [{ name: 'weather', input_schema: { type: 'object' } }] },
    ],
    ['chat', { text: 'one two three' }, { n: 2 }],
  ];
  for (const [dialect, script, body] of cases) {
    for (const stream of [true, false]) {
      test(`${dialect}, ${Object.keys(script).join(' and ')}${'n' in body ? ', twice' : ''}, ${stream ? 'streamed' : 'whole'}`, async () => {
        const ask = { dialect, model: models[dialect], stream, script: { ...script, usage: 'none' }, body };
        const { last } = await settled(gateway, ask);
        assert.equal(last.usageSource, 'gateway_count');
        assert.deepEqual(last.flags, ['no-usage']);
        const { input, output } = countsOf(last);
        assert.ok(input! > 0);
        assert.ok(output! >= 6, `${output} tokens`);
      });
    }
  }
});

test('a request may have a price of its own, and a long input another', async () => {
  const ask = (prompt: number) =>
    settled(gateway, { dialect: 'chat', model: models.chat, script: { usage: { prompt, completion: 10 } } });
  const { last } = await ask(999);
  assert.deepEqual(last.units, [{ unit: 'requests', count: 1, costNano: '1000000' }]);
  assert.deepEqual(
    last.lines.map((line) => line.costNano),
    ['1998000', '80000'],
  );
  const long = (await ask(1_000)).last;
  assert.deepEqual(
    long.lines.map((line) => line.costNano),
    ['4000000', '80000'],
  );
});

test('searches stand on the receipt beside the tokens, and cost what they cost', async () => {
  const ask = (searches: number) =>
    settled(gateway, {
      dialect: 'messages',
      model: models.messages,
      script: { usage: { ...figures, searches } },
    });
  assert.deepEqual((await ask(3)).last.units, [{ unit: 'searches', count: 3, costNano: '30000000' }]);
  const none = await ask(0);
  assert.equal(none.last.units, undefined);
});

test('the books add up', async () => {
  const verified = (await (await gateway.admin('/v1/ledger/verify')).json()) as { findings: unknown[] };
  assert.deepEqual(verified.findings, []);
});
