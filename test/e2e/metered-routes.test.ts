import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
/** Status, headers and body of the next answer. */
let answer = { status: 200, headers: {} as Record<string, string>, body: '{}' };

const meter = {
  price: 'classifier',
  units: { images: { header: 'X-Images' }, seconds: { json: '/usage/0/a~1b~0' } },
};

before(async () => {
  upstream = await startRawUpstream((socket) => {
    const { status, headers, body } = answer;
    const lines = Object.entries({ 'content-length': String(body.length), ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${status} x\r\n${head}\r\n${body}`);
  });
  gateway = await startTestGateway({
    config: {
      prices: {
        classifier: {
          request: '0.001',
          units: { images: '0.002', seconds: '0.00000001', upstream_ms: '0.000001' },
        },
      },
      charges: { projects: { web: { prices: { classifier: { units: { images: '0.01' } } } } } },
      routes: [{ name: 'images', match: { path: '/classify' }, to: { http: upstream.url, meter } }],
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

async function classify(next: Partial<typeof answer>) {
  answer = { status: 200, headers: {}, body: '{}', ...next };
  const got = await fetch(`${gateway.url}/classify`, { headers: { authorization: `Bearer ${testKey}` } });
  const body = await got.text();
  const { attempts } = await receiptOf(gateway, got.headers.get('x-sluice-exchange')!);
  const [attempt] = attempts;
  const units = Object.fromEntries((attempt!.units ?? []).map(({ unit, ...rest }) => [unit, rest]));
  return { body, attempt: attempt!, units };
}

test('an image classifier is billed by its images, its seconds and its time, and the answer passes as it is', async () => {
  const sent = '{ "usage": [ { "a/b~": 7 } ], "label": "cat" }';
  const { body, attempt, units } = await classify({ headers: { 'x-images': '3' }, body: sent });
  assert.equal(body, sent);
  assert.equal(attempt.model, 'classifier');
  assert.equal(attempt.usageSource, 'provider');
  const { upstream_ms: time, ...others } = units;
  assert.deepEqual(others, {
    requests: { count: 1, costNano: '1000000', priceNano: '0' },
    images: { count: 3, costNano: '6000000', priceNano: '30000000' },
    seconds: { count: 7, costNano: '70', priceNano: '0' },
  });
  assert.equal(time!.costNano, String(time!.count * 1000));
  assert.match(upstream.requests.at(-1)!.head, /accept-encoding: identity/i);
  assert.deepEqual(attempt.flags, []);
});

test('parts of units are rounded up; what is missing, or is none, is flagged and not charged', async () => {
  const half = await classify({ headers: { 'x-images': '2.5' }, body: '{"usage":[{"a/b~":1}]}' });
  assert.equal(half.units['images']!.count, 3);
  assert.deepEqual(half.attempt.flags, ['fraction']);
  const missing = await classify({ body: 'no JSON' });
  assert.deepEqual(missing.attempt.flags, ['unit-missing']);
  assert.equal(missing.units['images'], undefined);
  assert.equal(missing.units['requests']!.costNano, '1000000');
  const wrong = await classify({ headers: { 'x-images': '-4' }, body: '{"usage":[{"a/b~":"many"}]}' });
  assert.deepEqual(wrong.attempt.flags, ['negative', 'not-a-number']);
  assert.deepEqual([wrong.units['images'], wrong.units['seconds']], [undefined, undefined]);
});

test('an answer that is an error costs nothing', async () => {
  const { attempt, units } = await classify({ status: 503, headers: { 'x-images': '3' } });
  assert.equal(attempt.status, 503);
  assert.deepEqual(units, {});
});

test('usage by model has the classifier, and its price', async () => {
  const { usage } = (await (
    await fetch(`${gateway.url}/sluice/v1/usage`, { headers: { authorization: `Bearer ${testKey}` } })
  ).json()) as { usage: { model: string }[] };
  assert.ok(usage.some(({ model }) => model === 'classifier'));
});
