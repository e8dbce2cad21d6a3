/** What a hit costs, through a whole gateway, as the ledger has it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let upstream: RawUpstream;
let gateway: TestGateway;

/** Of hits, by route. */
const prices = { unset: undefined, free: 'free', share: '25%', full: 'full' } as const;

before(async () => {
  upstream = await startRawUpstream((socket) => {
    const head = 'cache-control: max-age=600\r\nx-images: 3\r\ncontent-length: 2';
    socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n{}`);
  });
  const meter = { price: 'classifier', units: { images: { header: 'x-images' } } };
  gateway = await startTestGateway({
    config: {
      prices: { classifier: { request: '0.001', units: { images: '0.002' } } },
      charges: { projects: { web: { prices: { classifier: { units: { images: '0.01' } } } } } },
      routes: Object.entries(prices).map(([name, price]) => ({
        name,
        match: { path: `/${name}` },
        to: { http: upstream.url, meter },
        policies: [{ 'key-auth': {} }, { 'http-cache': { scope: 'everybody', ...(price && { price }) } }],
      })),
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

async function ask(name: string) {
  const headers = { authorization: `Bearer ${testKey}` };
  const got = await fetch(`${gateway.url}/${name}`, { headers });
  assert.equal(await got.text(), '{}');
  return receiptOf(gateway, got.headers.get('x-sluice-exchange')!);
}

/** The upstream is asked once, and its price is the whole one; gives the receipt of the hit after it. */
async function hitAfterMiss(name: string) {
  const miss = await ask(name);
  assert.deepEqual(
    [miss.outcome, miss.attempts[0]?.units],
    [
      'completed',
      [
        { unit: 'requests', count: 1, costNano: '1000000', priceNano: '0' },
        { unit: 'images', count: 3, costNano: '6000000', priceNano: '30000000' },
      ],
    ],
  );
  const hit = await ask(name);
  assert.equal(hit.outcome, 'cache_hit');
  assert.equal(upstream.requests.filter(({ path }) => path === `/${name}`).length, 1);
  return hit;
}

for (const name of ['unset', 'free'])
  test(`price ${name}: a hit has no attempt, and nothing is charged`, async () => {
    assert.deepEqual((await hitAfterMiss(name)).attempts, []);
  });

for (const [name, percent, priceNano] of [
  ['share', 25, '7500000'],
  ['full', 100, '30000000'],
] as const)
  test(`price ${name}: a hit costs the operator nothing, and the project ${percent}% of its price`, async () => {
    const [attempt, ...more] = (await hitAfterMiss(name)).attempts;
    assert.ok(attempt);
    assert.deepEqual(more, []);
    assert.deepEqual([attempt.provider, attempt.flags], ['', ['cache-hit']]);
    assert.match(attempt.charge?.version ?? '', new RegExp(`^hit-${percent}%/config/`));
    assert.deepEqual(attempt.units, [
      { unit: 'requests', count: 1, costNano: '0', priceNano: '0' },
      { unit: 'images', count: 3, costNano: '0', priceNano },
    ]);
  });
