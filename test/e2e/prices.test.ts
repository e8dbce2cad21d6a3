import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { settled, type StoredAttempt } from '../harness/receipts.ts';

/** Of each answer: its usage, and what stands beside it. */
let answers: { usage: object; more?: object }[] = [];
let upstream: RawUpstream;
let gateway: TestGateway;
/** Holds the answers back until it is called. */
let release: (() => void) | null = null;

const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };
const charges = {
  all: { markup: '20%' },
  projects: { web: { prices: { 'r/own': { input: '5', output: '50', currency: 'EUR', request: '0.5' } } } },
};
const dated = [
  { input: '1', output: '10' },
  { from: '2001-01-01', input: '2', output: '20', serviceTiers: { flex: '50%' }, batch: '25%' },
  { from: '2999-01-01', input: '9', output: '99' },
];
const prices = {
  'r/dated': dated,
  'r/*': { input: '2', output: '20' },
  'r/helper': { input: '1000', output: '0' },
};

const config = (more: object = {}) => ({
  providers: { r: { dialect: 'openai-chat', baseUrl: `${upstream.url}/v1`, apiKey: 'sk-upstream' } },
  prices,
  ...more,
});

before(async () => {
  upstream = await startRawUpstream((socket) => {
    const { usage, more = {} } = answers.shift()!;
    const message = { role: 'assistant', content: 'ok' };
    const body = { id: 'x', object: 'chat.completion', created: 1, model: 'm', usage, ...more };
    const text = JSON.stringify({ ...body, choices: [{ index: 0, message, finish_reason: 'stop' }] });
    const write = () =>
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
      );
    if (release) release = write;
    else write();
  });
  gateway = await startTestGateway({ config: config() });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

async function attemptOf(
  model: string,
  answer: (typeof answers)[number] = { usage },
  { on = gateway, body = {} }: { on?: TestGateway; body?: object } = {},
): Promise<StoredAttempt> {
  answers = [answer];
  const ask = { dialect: 'chat', model: `r/${model}`, script: {}, stream: false, body } as const;
  const { last, status } = await settled(on, ask);
  assert.equal(status, 200);
  return last;
}

const costOf = ({ lines, units = [] }: StoredAttempt) =>
  [...lines, ...units].reduce((sum, { costNano }) => sum + Number(costNano), 0) / 1e9;
const priceOf = ({ lines, units = [] }: StoredAttempt) =>
  [...lines, ...units].reduce((sum, { priceNano, costNano }) => sum + Number(priceNano ?? costNano), 0) / 1e9;

test('the version in force counts, by how the provider said it served the call, else how it was asked to', async () => {
  const usual = await attemptOf('dated');
  assert.match(usual.priceVersion!, /^config\/[0-9a-f]{12}@2001-01-01$/);
  assert.equal(costOf(usual), 0.004);
  assert.equal(usual.serviceTier, undefined);

  const served = await attemptOf('dated', { usage, more: { service_tier: 'flex' } });
  assert.equal(served.priceVersion, `${usual.priceVersion}+flex`);
  assert.deepEqual([costOf(served), served.serviceTier], [0.002, 'flex']);

  const asked = await attemptOf('dated', { usage }, { body: { service_tier: 'flex' } });
  assert.equal(costOf(asked), 0.002);
  const turnedDown = { usage, more: { service_tier: 'default' } };
  assert.equal(costOf(await attemptOf('dated', turnedDown, { body: { service_tier: 'flex' } })), 0.004);

  const batch = await attemptOf('dated', { usage: { ...usage, service_tier: 'batch' } });
  assert.deepEqual([costOf(batch), batch.priceVersion], [0.001, `${usual.priceVersion}+batch`]);
  const unknown = await attemptOf('dated', { usage, more: { service_tier: 'priority' } });
  assert.deepEqual([costOf(unknown), unknown.flags], [0.004, ['no-tier-price']]);
});

test('security 56: a price that changes while a call is under way changes nothing of it', async () => {
  const own = await startTestGateway({ config: config() });
  try {
    release = () => undefined;
    const waiting = release;
    const pending = attemptOf('plain', { usage }, { on: own });
    while (release === waiting) await new Promise((resolve) => setTimeout(resolve, 10));
    const { standardConfig } = await import('../harness/gateway.ts');
    own.rewrite(
      standardConfig('http://127.0.0.1:1', config({ prices: { 'r/*': { input: '7', output: '70' } } })),
    );
    for (let version = 1; version < 2; await new Promise((resolve) => setTimeout(resolve, 25)))
      version = ((await (await own.admin('/v1/status')).json()) as { snapshotVersion: number })
        .snapshotVersion;
    const write = release!;
    release = null;
    write();
    assert.equal(costOf(await pending), 0.004);
    assert.equal(costOf(await attemptOf('plain', { usage }, { on: own })), 0.014);
  } finally {
    release = null;
    await own.stop();
  }
});

test('what a provider says it cost is kept, checked, and told when it is another', async () => {
  const right = await attemptOf('plain', { usage: { ...usage, cost: 0.00401 } });
  assert.deepEqual([right.reportedCostNano, right.flags], ['4010000', []]);
  const rounded = await attemptOf('plain', { usage: { ...usage, cost: { total_cost: 0.004 } } });
  assert.deepEqual([rounded.reportedCostNano, rounded.flags], ['4000000', []]);
  const ticks = await attemptOf('plain', { usage: { ...usage, cost_in_usd_ticks: 60_000_000 } });
  assert.deepEqual([ticks.reportedCostNano, ticks.flags], ['6000000', ['cost-disagrees']]);
  assert.equal(costOf(ticks), 0.004, 'ours is what is billed');
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_cost_disagreements_total\{.*provider="r".*\} 1$/m);
});

test('predicted output that did not come true is a line of its own, within the total', async () => {
  const details = {
    completion_tokens_details: { accepted_prediction_tokens: 20, rejected_prediction_tokens: 30 },
  };
  const { lines, flags } = await attemptOf('plain', { usage: { ...usage, ...details } });
  assert.deepEqual(
    lines.filter(({ line }) => line.direction === 'output').map(({ line }) => [line.kind, line.count]),
    [
      ['plain', 70],
      ['prediction', 30],
    ],
  );
  assert.deepEqual(flags, []);
});

test('customers pay a share more than it costs, or prices of their own, and both are on the receipt', async () => {
  const own = await startTestGateway({ config: config({ charges }) });
  try {
    const marked = await attemptOf('plain', { usage }, { on: own });
    assert.deepEqual([costOf(marked), priceOf(marked)], [0.004, 0.0048]);
    assert.equal(marked.charge?.currency, 'USD');
    assert.match(marked.charge!.version, /^markup\/[0-9a-f]{12}\/config\/[0-9a-f]{12}$/);
    const priced = await attemptOf('own', { usage }, { on: own });
    assert.deepEqual([costOf(priced), priceOf(priced)], [0.004, 0.51]);
    assert.equal(priced.charge?.currency, 'EUR');
    assert.deepEqual(priced.units, [{ unit: 'requests', count: 1, costNano: '0', priceNano: '500000000' }]);
    const { usage: rows } = (await (await own.admin('/v1/usage?by=project')).json()) as {
      usage: { project: string }[];
    };
    assert.ok(rows.some(({ project }) => project === 'web'));
  } finally {
    await own.stop();
  }
});
