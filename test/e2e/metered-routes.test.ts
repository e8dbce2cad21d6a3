import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
/** Status, headers and body of the next answer. */
let answer = { status: 200, headers: {} as Record<string, string>, body: '{}' as string | Buffer };

const meter = {
  price: 'classifier',
  units: { images: { header: 'X-Images' }, seconds: { json: '/usage/0/a~1b~0' } },
};

/** How the same answers are billed otherwise, by the path. */
const others = {
  paths: {
    price: 'pages',
    maxBody: 1000,
    units: {
      pages: { items: '$.pages' },
      words: { json: '$.pages[*].words', per: 100 },
      kib: { bytes: 'answer', per: 10 },
    },
  },
  asked: {
    price: 'pages',
    units: {
      pages: { request: { items: '$.images' }, missing: 'refuse' },
      words: { request: { query: 'words' } },
    },
  },
  strict: {
    price: 'pages',
    units: {
      pages: { header: 'x-pages', most: 10, missing: 'refuse' },
      words: { json: '$.words', missing: 'refuse' },
    },
  },
  assumed: { price: 'pages', units: { pages: { json: '$.pages', missing: 2, most: 10 } } },
  capped: { price: 'pages', units: { pages: { json: '$.pages', most: 10 } } },
};
const example = parse(
  readFileSync(new URL('../../examples/image-classifier.yaml', import.meta.url), 'utf8'),
) as {
  prices: { classifier: object };
  routes: { to: { meter: object } }[];
};

before(async () => {
  upstream = await startRawUpstream((socket) => {
    const { status, headers, body } = answer;
    const lines = Object.entries({ 'content-length': String(body.length), ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${status} x\r\n${head}\r\n`);
    socket.write(body);
  });
  gateway = await startTestGateway({
    config: {
      prices: {
        classifier: {
          request: '0.001',
          units: { images: '0.002', seconds: '0.00000001', upstream_ms: '0.000001' },
        },
        pages: { units: { pages: '0.01', words: '0.001', kib: '0.0001' } },
        example: example.prices.classifier,
      },
      charges: { projects: { web: { prices: { classifier: { units: { images: '0.01' } } } } } },
      routes: [
        { name: 'images', match: { path: '/classify' }, to: { http: upstream.url, meter } },
        ...Object.entries(others).map(([name, each]) => ({
          name,
          match: { path: `/${name}` },
          to: { http: upstream.url, meter: each },
          ...(name === 'capped'
            ? { policies: [{ 'key-auth': {} }, { budget: { by: 'key', money: '0.32 per day', hard: true } }] }
            : {}),
        })),
        {
          name: 'example',
          match: { path: '/example' },
          to: { http: upstream.url, meter: { ...example.routes[0]!.to.meter, price: 'example' } },
        },
      ],
    },
  });
});
after(async () => {
  await gateway.stop();
  await upstream.close();
});

async function classify(next: Partial<typeof answer>, path = '/classify', init: RequestInit = {}) {
  answer = { status: 200, headers: {}, body: '{}', ...next };
  const headers = { authorization: `Bearer ${testKey}` };
  const got = await fetch(`${gateway.url}${path}`, { ...init, headers });
  const body = await got.text().catch(() => null);
  const { attempts, ...receipt } = await receiptOf(gateway, got.headers.get('x-sluice-exchange')!);
  const [attempt] = attempts;
  const units = Object.fromEntries((attempt?.units ?? []).map(({ unit, ...rest }) => [unit, rest]));
  const counts = Object.fromEntries((attempt?.units ?? []).map(({ unit, count }) => [unit, count]));
  return { status: got.status, body, receipt, attempt: attempt!, units, counts };
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

test('n images cost exactly n times their price on the ledger, as the example is configured', async () => {
  for (const images of [1, 7, 250]) {
    const { attempt, units } = await classify({ body: JSON.stringify({ usage: { images } }) }, '/example');
    assert.deepEqual(units['images'], { count: images, costNano: String(images * 2_000_000) });
    assert.deepEqual(attempt.flags, []);
  }
});

test('JSON paths count what is listed, add up what is many, and read answers in any form within a bound', async () => {
  const pages = [{ words: 120 }, { words: 31 }, { words: 0 }];
  const body = JSON.stringify({ pages });
  const expected = { pages: 3, words: 2, kib: Math.ceil(body.length / 10) };
  assert.deepEqual((await classify({ body }, '/paths')).counts, expected);
  const packed = gzipSync(body);
  const unpacked = await classify({ headers: { 'content-encoding': 'gzip' }, body: packed }, '/paths');
  assert.deepEqual(unpacked.counts, { ...expected, kib: Math.ceil(packed.length / 10) });

  const long = `data: {"x":"${'y'.repeat(3000)}"}\r\n\r\n`;
  const events = `data: {"pages":[{"words":100}]}\n\n${long}: still there\n\ndata: [DONE]\n\ndata: {"pages":[{"words":300},{"words":1}]}`;
  const streamed = await classify(
    { headers: { 'content-type': 'text/event-stream' }, body: events },
    '/paths',
  );
  // Figures are the last that was said; what is listed is added.
  assert.deepEqual([streamed.counts['pages'], streamed.counts['words']], [3, 4]);
  const lines = '{"pages":[{"words":100}]}\n\n{"pages":[]}\n{"pages":[{"words":50}]}\n';
  const jsonl = await classify(
    { headers: { 'content-type': 'application/x-ndjson' }, body: lines },
    '/paths',
  );
  assert.deepEqual([jsonl.counts['pages'], jsonl.counts['words']], [2, 1]);

  const tooLong = await classify({ body: JSON.stringify({ pages, x: 'y'.repeat(1000) }) }, '/paths');
  assert.deepEqual([tooLong.counts['pages'], tooLong.attempt.flags], [undefined, ['unit-missing']]);
  const bomb = gzipSync(JSON.stringify({ pages, x: 'y'.repeat(100_000) }));
  const bombed = await classify({ headers: { 'content-encoding': 'gzip' }, body: bomb }, '/paths');
  assert.deepEqual(bombed.attempt.flags, ['unit-missing']);
});

test('what a request says is billed, and one that must say it and does not is refused before anybody is asked', async () => {
  const post = (body: string) => ({ method: 'POST', body });
  const counted = await classify({}, '/asked?words=12', post('{"images":["a","b","c"]}'));
  assert.deepEqual(counted.counts, { pages: 3, words: 12 });
  assert.equal(upstream.requests.at(-1)!.body, '{"images":["a","b","c"]}');
  const before = upstream.requests.length;
  for (const body of ['{"images":', '{"image":"a"}', '']) {
    const refused = await classify({}, '/asked', post(body));
    assert.equal(refused.status, 400);
    assert.match(refused.body!, /must say how many pages/);
    assert.equal(refused.attempt, undefined);
  }
  // Of a key given twice the upstream could see the other one.
  const twice = await classify({}, '/asked', post('{"images":["a","b"],"images":["a"]}'));
  assert.equal(twice.status, 400);
  assert.equal(upstream.requests.length, before);
});

test('an answer that must say it and does not is no answer, and nobody pays for it', async () => {
  const head = await classify({ body: '{"words":1}' }, '/strict');
  assert.equal(head.status, 502);
  assert.match(head.body!, /upstream\/usage-missing/);
  const absurd = await classify({ headers: { 'x-pages': '11' }, body: '{"words":1}' }, '/strict');
  assert.equal(absurd.status, 502);
  assert.ok(absurd.attempt.flags.includes('implausible'));
  const body = await classify({ headers: { 'x-pages': '3' }, body: '{"word":1}' }, '/strict');
  assert.equal(body.body, null, 'the answer was cut');
  for (const { receipt, counts, attempt } of [head, absurd, body]) {
    assert.equal(receipt.fault, 'upstream/usage-missing');
    assert.deepEqual(counts, {});
    assert.ok(attempt.flags.includes('unit-missing') || attempt.flags.includes('implausible'));
  }
  const whole = await classify({ headers: { 'x-pages': '3' }, body: '{"words":5}' }, '/strict');
  assert.deepEqual(whole.counts, { pages: 3, words: 5 });
});

test('in place of a figure that is missing or absurd so much is charged as is configured, and said', async () => {
  for (const [body, flag] of [
    ['{}', 'unit-missing'],
    ['{"pages":11}', 'implausible'],
    ['{"pages":"x"}', 'not-a-number'],
  ]) {
    const { counts, attempt } = await classify({ body: body! }, '/assumed');
    assert.deepEqual(counts, { pages: 2 });
    assert.deepEqual(attempt.flags, [flag, 'unit-assumed']);
  }
  const metrics = await (await gateway.admin('/metrics')).text();
  assert.match(metrics, /^sluice_odd_usage_total\{.*model="pages",flag="implausible".*\} [1-9]/m);
});

test('a hard budget pays for the most a call may use, whoever calls at once, and settles what it used', async () => {
  answer = { status: 200, headers: {}, body: '{"pages":1}' };
  const headers = { authorization: `Bearer ${testKey}` };
  // 0.32 pays for three calls of at most ten pages at 0.01 at once.
  const first = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const got = await fetch(`${gateway.url}/capped`, { headers });
      await got.text();
      return got.status;
    }),
  );
  const passed = first.filter((status) => status === 200).length;
  assert.ok(passed >= 3 && first.every((status) => [200, 402, 429].includes(status)), String(first));
  let spent = passed;
  for (;;) {
    const got = await classify({ body: '{"pages":10}' }, '/capped');
    if (got.status !== 200) {
      assert.ok([402, 429].includes(got.status));
      break;
    }
    assert.deepEqual(got.counts, { pages: 10 });
    spent += 10;
  }
  assert.ok(spent <= 32 && spent > 22, `${spent} pages of 32`);
});
