/** Hard budgets through a whole gateway: what parallel streams spend together, and what stands on the books. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { everyDialect } from '../harness/every-dialect.ts';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf, type StoredReceipt } from '../harness/receipts.ts';

/** Dollars for a million tokens of output. */
const outputPrice = 100;
const budgetNano = 450_000_000;
const nanoPerToken = outputPrice * 1000;
/** Classes of output that may cost more than plain output does. */
const classes = ['reasoning', 'prediction', 'outputAudio', 'outputImage', 'outputVideo'];
/** Beside the one event, which is one token here. */
const slackTokens = 50;

let gateway: TestGateway;
before(async () => {
  const options = await everyDialect();
  const prices: Record<string, object> = Object.fromEntries(
    Object.keys(options.config!['prices'] as object).map((name) => [
      name,
      { input: '1', output: String(outputPrice) },
    ]),
  );
  const cheap = { input: '1', output: '1' };
  const dear = String(outputPrice);
  for (const name of classes) prices[`o/${name}`] = { ...cheap, [name]: dear };
  const tiers = { serviceTiers: { flex: '50%', priority: { input: '1', output: dear } } };
  const keys = Object.fromEntries(
    ['streams', 'wholes', 'thinks', 'classes'].map((name) => [
      name,
      { project: name, secret: `${testKey}-${name}` },
    ]),
  );
  const config = {
    ...options.config,
    prices: { ...prices, 'o/tiers': { ...cheap, ...tiers } },
    keys,
    teams: { red: {} },
    projects: Object.fromEntries(Object.keys(keys).map((name) => [name, { team: 'red' }])),
    policies: [{ 'key-auth': {} }, { budget: { by: 'project', money: '0.45 per month', hard: true } }],
  };
  gateway = await startTestGateway({ ...options, config, threads: 2 });
});
afterEach(() => gateway.simulator.reset());
after(async () => {
  await gateway.stop();
  await gateway.simulator.close();
});

interface Made {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly receipt: StoredReceipt;
}

async function make(project: string, model: string, more: object): Promise<Made> {
  const { script, ...fields } = more as { script: object };
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}-${project}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
      ...fields,
    }),
  });
  const text = await answer.text();
  const receipt = await receiptOf(gateway, answer.headers.get('x-sluice-exchange')!);
  return { status: answer.status, text, headers: answer.headers, receipt };
}

const spent = (made: readonly Made[]): number =>
  made
    .flatMap(({ receipt }) => receipt.attempts.flatMap(({ lines }) => lines))
    .reduce((sum, { costNano }) => sum + Number(costNano), 0);

test('parallel streams spend a budget to its end, and each is at most an event and 50 tokens over', async () => {
  const models = ['o/sim', 'a/sim', 'g/sim', 'l/sim'];
  const made: Made[] = [];
  // Until a call is refused: what one stream gave back, another can still spend.
  for (let round = 0; round < 6 && !made.some(({ status }) => status === 402); round++)
    made.push(
      ...(await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          make('streams', models[i % models.length]!, {
            stream: true,
            script: { tokens: 900, usage: i % 2 ? 'normal' : 'none' },
          }),
        ),
      )),
    );
  const cuts = made.filter(({ receipt }) => receipt.outcome === 'budget_cut');
  assert.ok(cuts.length > 0, made.map(({ receipt }) => receipt.outcome).join());
  for (const { text, receipt } of cuts) {
    assert.match(text, /"finish_reason":"length"/);
    assert.match(text, /data: \[DONE\]/);
    assert.equal(receipt.fault, 'budget/cut');
  }
  for (const { status, receipt } of made.filter((one) => one.status !== 200))
    assert.deepEqual([status, receipt.fault], [402, 'credit/exhausted']);
  const over = spent(made) - budgetNano;
  assert.ok(over <= made.length * (slackTokens + 1) * nanoPerToken, `${over} over`);
  assert.ok(spent(made) > budgetNano - 40 * nanoPerToken, `${spent(made)} spent`);
});

test('whole answers are bounded by what is affordable, and never pass it', async () => {
  const made: Made[] = [];
  for (let i = 0; i < 12 && made.at(-1)?.status !== 402; i++)
    made.push(await make('wholes', 'o/sim', { script: { tokens: 900 }, max_tokens: 2000 }));
  const clamped = made.filter(({ headers }) => headers.has('x-sluice-max-tokens'));
  assert.ok(clamped.length > 0);
  for (const { receipt } of clamped) assert.ok(receipt.attempts[0]!.flags.includes('max-tokens-clamped'));
  assert.ok(spent(made) <= budgetNano, `${spent(made)} spent`);
});

test('output is bounded by the dearest class and tier that it may be billed in', async () => {
  const most = budgetNano / nanoPerToken;
  const boundOf = async (model: string, more: object = {}) => {
    const made = await make('classes', `o/${model}`, { script: { tokens: 5 }, max_tokens: 20_000, ...more });
    assert.equal(made.status, 200, made.text);
    return Number(made.headers.get('x-sluice-max-tokens'));
  };
  for (const model of [...classes, 'tiers']) {
    const bound = await boundOf(model);
    assert.ok(bound > most * 0.9 && bound <= most, `${model}: ${bound}`);
  }
  // Whoever says how to be served is served so, or as usual: no bound is needed.
  for (const tier of ['default', 'flex'])
    assert.equal(await boundOf('tiers', { service_tier: tier }), 0, tier);
  assert.ok((await boundOf('tiers', { service_tier: 'priority' })) > 0);
});

test('what nobody could know is booked as overdraft, and published', async () => {
  // Reports ten times what it shows.
  const usage = { completion: 6000 };
  const { receipt } = await make('thinks', 'o/sim', { stream: true, script: { tokens: 20, usage } });
  assert.equal(receipt.outcome, 'completed');
  const [overdraft] = receipt.overdraft!;
  assert.equal(overdraft!.limit, 'budget/0/money/month');
  assert.equal(overdraft!.currency, 'USD');
  const reserved = spent([{ receipt } as Made]) - overdraft!.amount;
  assert.ok(reserved > 0 && reserved <= budgetNano, `${reserved}`);
  const metrics = await (await gateway.admin('/metrics')).text();
  const published = /^sluice_overdraft_nano_total\{.*provider="o",model="sim".*\} (\d+)$/m.exec(metrics)?.[1];
  assert.ok(Number(published) >= overdraft!.amount, published ?? 'none');
  // It is booked: nothing is left for the next.
  const next = await make('thinks', 'o/sim', { stream: true, script: { tokens: 20 } });
  assert.deepEqual([next.status, next.receipt.fault], [402, 'credit/exhausted']);
});

test('the books are right after all of it', async () => {
  const verified = (await (await gateway.admin('/v1/ledger/verify')).json()) as { findings: string[] };
  assert.deepEqual(verified.findings, []);
});
