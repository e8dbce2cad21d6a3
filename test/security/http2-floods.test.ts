/** What a client may not do to a connection of HTTP/2 without losing it, by frames written by hand. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import {
  block,
  codes,
  data,
  flags,
  frame,
  headers,
  ping,
  RawHttp2,
  preface,
  rstStream,
  settings,
  types,
  uint32,
  windowUpdate,
} from '../harness/raw-http2.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({
    config: { limits: { bodyTimeout: '2s', headTimeout: '2s', sendTimeout: '1s' } },
  });
});
after(() => gateway.stop());

const limits = { timeout: 60_000 };
const get = [':method', 'GET', ':scheme', 'http', ':authority', 'a.test', ':path', '/open/echo'];
const post = [':method', 'POST', ...get.slice(2)];
const slow = [...get.slice(0, 7), '/open/sse?count=1&delayMs=600000'];
const pad = (i: number) => String(i).padStart(8, '0');

/** Sends what `round` gives until the connection is lost, a bounded number of times; gives how often. */
async function flood(client: RawHttp2, round: (i: number) => Buffer[], rounds: number): Promise<number> {
  for (let i = 0; i < rounds; i++) {
    if (client.closed) return i;
    client.send(...round(i));
    // What cannot leave is not heaped up here; a connection that is lost ends the wait too.
    while (!client.closed && client.socket.writableLength > 0) await new Promise((r) => setTimeout(r, 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilClosed();
  return rounds;
}

const times = (count: number, make: (i: number) => Buffer) =>
  Array.from({ length: count }, (_, i) => make(i));

const floods: Record<string, (i: number) => Buffer[]> = {
  'rapid reset (CVE-2023-44487)': (i) =>
    times(50, (k) => {
      const stream = 1 + 2 * (i * 50 + k);
      return Buffer.concat([headers(stream, slow), rstStream(stream, codes.cancel)]);
    }),
  'resets that are provoked by an empty WINDOW_UPDATE (CVE-2025-8671)': (i) =>
    times(20, (k) => {
      const stream = 1 + 2 * (i * 20 + k);
      return Buffer.concat([headers(stream, slow), windowUpdate(stream, 0)]);
    }),
  'resets that are provoked by heads that are none': (i) =>
    times(20, (k) => headers(1 + 2 * (i * 20 + k), [...get, 'connection', 'x'])),
  SETTINGS: () => times(200, () => settings([4, 65_535])),
  PING: (i) => times(500, (k) => ping(pad(i * 500 + k))),
  PRIORITY: () =>
    times(1000, () => frame(types.priority, 0, 1, Buffer.concat([uint32(0), Buffer.from([9])]))),
  WINDOW_UPDATE: () => times(1000, () => windowUpdate(0, 1)),
  'frames of no known type': () => times(100, () => frame(0x66, 0, 0, Buffer.alloc(100))),
  'empty DATA': (i) => (i === 0 ? [headers(1, post, false)] : times(200, () => frame(types.data, 0, 1))),
  'CONTINUATION without end': (i) =>
    i === 0
      ? [frame(types.headers, 0, 1, block(get))]
      : times(20, () => frame(types.continuation, 0, 1, block(['x', 'y']))),
  'empty CONTINUATION without end': (i) =>
    i === 0 ? [frame(types.headers, 0, 1, block(get))] : times(20, () => frame(types.continuation, 0, 1)),
};

for (const [name, round] of Object.entries(floods)) {
  test(`security 31: a flood of ${name} loses its connection; others are served`, limits, async (t) => {
    const client = new RawHttp2(gateway.port);
    t.after(() => client.close());
    // Bounded by count, so that a gateway that lets it all pass fails the test by its timeout.
    await flood(client, round, 2000);
    assert.ok(client.closed);
    const answer = await fetch(`${gateway.url}/open/echo`);
    assert.equal(answer.status, 200);
  });
}

test('security 31: an HPACK bomb is not stored: a large field, named again and again', limits, async (t) => {
  const client = new RawHttp2(gateway.port);
  t.after(() => client.close());
  // One field of 4,000 bytes that enters the dynamic table (RFC 7541 §6.2.1), then references to it (62).
  const entered = Buffer.concat([Buffer.from([0x40]), block(['a', 'b'.repeat(3900)]).subarray(1)]);
  const bomb = Buffer.concat([block(get), entered, Buffer.alloc(10_000, 0x80 | 62)]);
  client.send(frame(types.headers, flags.endHeaders | 1, 1, bomb));
  assert.match(await client.outcome(1), /^(reset 11|status 431|goaway \d+|closed)$/);
});

test('security 31: a window that never opens holds its answers for a bounded time', limits, async (t) => {
  const client = new RawHttp2(gateway.port, Buffer.concat([preface, settings([4, 0])]));
  t.after(() => client.close());
  for (let i = 0; i < 10; i++) client.send(headers(1 + 2 * i, [...get.slice(0, 7), '/open/bytes/1000000']));
  const goaway = await client.until(({ type }) => type === types.goaway);
  assert.equal(goaway!.payload.readUInt32BE(4), codes.calm);
  await client.untilClosed();
});

test('security 31: a stream whose window never opens is let go, while others go on', limits, async (t) => {
  const client = new RawHttp2(gateway.port, Buffer.concat([preface, settings([4, 0])]));
  t.after(() => client.close());
  client.send(headers(1, [...get.slice(0, 7), '/open/bytes/1000000']));
  const moves = setInterval(() => client.send(ping()), 100);
  t.after(() => clearInterval(moves));
  const reset = await client.until((f) => f.stream === 1 && f.type === types.rstStream);
  assert.equal(reset!.payload.readUInt32BE(0), codes.cancel);
  client.send(settings([4, 65_535]), headers(3, get));
  assert.equal(await client.outcome(3), 'status 200');
});

test(
  'security 30: a body that does not come is answered 408, and one that trickles is none the better',
  limits,
  async (t) => {
    const client = new RawHttp2(gateway.port);
    t.after(() => client.close());
    client.send(headers(1, [...post, 'content-length', '1000'], false));
    const trickle = setInterval(() => client.send(data(1, 'x', false)), 200);
    t.after(() => clearInterval(trickle));
    assert.equal(await client.outcome(1), 'status 408');
  },
);

test(
  'security 30: a connection that asks for nothing is closed, also in the middle of a head',
  limits,
  async (t) => {
    for (const begun of [Buffer.alloc(0), frame(types.headers, 0, 1, block(get))]) {
      const client = new RawHttp2(gateway.port);
      t.after(() => client.close());
      client.send(begun);
      await client.untilClosed();
    }
  },
);

test('a client that cancels now and then keeps its connection', limits, async (t) => {
  const client = new RawHttp2(gateway.port);
  t.after(() => client.close());
  for (let i = 0; i < 100; i++) client.send(headers(1 + 2 * i, slow), rstStream(1 + 2 * i, codes.cancel));
  client.send(headers(1001, get));
  assert.equal(await client.outcome(1001), 'status 200');
});
