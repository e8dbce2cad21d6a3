import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { startTestGateway, testKey } from '../harness/gateway.ts';
import { startLimitedVendor, type LimitedVendor, type VendorLimits } from '../harness/limited-vendor.ts';

const calls = process.env['SLUICE_LONG'] ? 1200 : 200;

interface Run {
  readonly statuses: readonly number[];
  readonly vendors: readonly LimitedVendor[];
  readonly queued: number;
}

/** So many calls by so many callers over three threads, each making its next one when it has been answered. */
async function run(
  t: TestContext,
  {
    limits,
    pace,
    callers = 40,
  }: { limits: readonly VendorLimits[]; pace: object | boolean; callers?: number },
): Promise<Run> {
  const vendors = await Promise.all(limits.map((one) => startLimitedVendor(one)));
  const providers = vendors.map(({ url }, i) => [
    `v${i}`,
    { dialect: 'openai-chat', baseUrl: `${url}/v1`, apiKey: 'sk-upstream', pace },
  ]);
  const gateway = await startTestGateway({
    threads: 3,
    config: {
      providers: Object.fromEntries(providers) as object,
      models: { m: { targets: vendors.map((_, i) => `v${i}/m`) } },
      prices: {},
      routes: [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }],
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  t.after(async () => {
    agent.destroy();
    await gateway.stop();
    for (const vendor of vendors) await vendor.close();
  });
  const body = JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] });
  const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
  let queued = 0;
  const post = () =>
    new Promise<number>((resolve, reject) => {
      const url = `${gateway.url}/v1/chat/completions`;
      request(url, { method: 'POST', headers, agent }, (answer) => {
        if (answer.headers['x-sluice-queued-ms'] !== undefined) queued++;
        text(answer).then(() => resolve(answer.statusCode!), reject);
      })
        .on('error', reject)
        .end(body);
    });
  const statuses: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next++ < calls) statuses.push(await post());
    }),
  );
  return { statuses, vendors, queued };
}

const count = (statuses: readonly number[], status: number) =>
  statuses.filter((one) => one === status).length;

describe('a provider that limits requests', () => {
  const window: VendorLimits = { requests: 40, windowMs: 2000, renews: 'window', latencyMs: 20 };
  const bucket: VendorLimits = { ...window, renews: 'bucket' };

  test('without `pace` refuses many', async (t) => {
    const { statuses, vendors } = await run(t, { limits: [window], pace: false });
    assert.ok(vendors[0]!.refused > calls / 4, `${vendors[0]!.refused} refused`);
    assert.ok(count(statuses, 429) > calls / 4);
  });

  for (const limits of [window, bucket])
    test(`with it hardly any, and all calls are answered: ${limits.renews}`, async (t) => {
      const { statuses, vendors, queued } = await run(t, { limits: [limits], pace: { wait: '2min' } });
      t.diagnostic(`refused by the provider: ${vendors[0]!.refused} of ${calls}`);
      assert.ok(vendors[0]!.refused <= Math.max(4, calls / 50), `${vendors[0]!.refused} refused`);
      assert.ok(count(statuses, 200) >= calls - vendors[0]!.refused);
      assert.ok(queued > 0);
    });

  test('calls go to another target before they wait', async (t) => {
    const slow: VendorLimits = { ...window, requests: 10, windowMs: 600_000 };
    const wide: VendorLimits = { ...window, requests: 100_000 };
    const { statuses, vendors } = await run(t, { limits: [slow, wide], pace: { wait: '1s' } });
    assert.equal(count(statuses, 200), calls);
    assert.ok(vendors[0]!.served <= 10 && vendors[0]!.served >= 4, String(vendors[0]!.served));
    assert.ok(vendors[0]!.refused <= 2, `${vendors[0]!.refused} refused`);
  });

  test('what would take longer than is waited is refused at once, without the provider being asked', async (t) => {
    const slow: VendorLimits = { ...window, requests: 10, windowMs: 600_000 };
    const { statuses, vendors } = await run(t, { limits: [slow], pace: { wait: '500ms' }, callers: 8 });
    assert.equal(count(statuses, 200), 10);
    assert.equal(count(statuses, 429), calls - 10);
    assert.ok(vendors[0]!.refused <= 4, `${vendors[0]!.refused} refused`);
  });
});
