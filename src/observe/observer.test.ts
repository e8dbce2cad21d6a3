import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '#core/exchange.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { liveSince } from '#core/live-figures.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { allDumps } from './all-dumps.ts';
import { contentTypeOf, formatWanted, renderExposition } from './exposition.ts';
import { createObserver, type MetricsDump } from './index.ts';
import { readLive } from './live-figures.ts';
import { LineSink } from './line-sink.ts';
import { parseExposition, type Sample } from './testing/parse-exposition.ts';

const clock = { nowMs: () => 1_700_000_000_000, monotonicMs: () => 0 };
const main = {
  version: '1',
  ledgerLagSegments: 2,
  certificates: [],
  configReloads: { accepted: 3, refused: 1 },
};

const attempt = (fields: Partial<AttemptLine> = {}): AttemptLine => ({
  number: 1,
  provider: 'p',
  model: 'm',
  startedAtMs: 1010,
  endedAtMs: 1500,
  status: 200,
  fault: null,
  upstreamId: 'up-1',
  usageSource: 'provider',
  rawUsage: null,
  flags: [],
  priceVersion: 'v',
  currency: 'USD',
  lines: [
    { line: inputLine(100), costNano: 1000n },
    { line: inputLine(40, 'read'), costNano: 100n },
    { line: outputLine(20), costNano: 900n },
    { line: outputLine(5, 'reasoning'), costNano: 200n },
  ],
  ...fields,
});

const receipt = (fields: Partial<Receipt> = {}): Receipt => ({
  id: '01',
  route: 'chat',
  outcome: 'completed',
  status: 200,
  fault: null,
  subjects: { key: 'k', project: 'proj', team: 't' },
  dialect: 'd',
  requestedModel: 'm',
  admittedAtMs: 1000,
  settledAtMs: 1600,
  firstContentAtMs: 1110,
  requestBytes: 10,
  responseBytes: 20,
  traceId: 'tr',
  dropped: [],
  attempts: [attempt()],
  ...fields,
});

const exchange = {
  id: '01',
  routeName: 'chat',
  head: {
    method: 'POST',
    host: 'h',
    path: '/v1/chat',
    query: 'key=query-secret',
    headers: ['authorization', 'header-secret'],
    clientAddress: '::1',
  },
  trace: { traceId: 'tr', spanId: 's', parent: null, flags: '01', state: null },
  consumer: { id: 'k', project: 'proj' },
} as unknown as Exchange;

function observe(accessLog = false) {
  const lines: string[] = [];
  const errors: string[] = [];
  const observer = createObserver({
    accessLog,
    clock,
    write: (line) => lines.push(line),
    writeError: (line) => errors.push(line),
    connections: () => ({ idle: 1, active: 2 }),
  });
  return { observer, lines, errors };
}

const expose = (...dumps: MetricsDump[]) => renderExposition(allDumps(dumps, main), 'prometheus');

const value = (samples: readonly Sample[], name: string, labels: Record<string, string> = {}) =>
  samples
    .filter((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))
    .reduce((sum, s) => sum + s.value, 0);

test('of budgets that one call overdraws, the most of each unit counts', async () => {
  const { observer } = observe();
  const overdraft = [
    { limit: 'budget/0/tokens/day', amount: 40 },
    { limit: 'budget/1/tokens/month', amount: 30 },
    { limit: 'budget/2/money/month', amount: 5_000, currency: 'EUR' },
  ];
  observer.settled(exchange, receipt({ overdraft }));
  observer.settled(exchange, receipt({ overdraft: [overdraft[1]!] }));
  const { samples } = parseExposition(expose(observer.dump()));
  await observer.close();
  assert.equal(value(samples, 'sluice_overdraft_tokens_total'), 70);
  assert.equal(value(samples, 'sluice_overdraft_nano_total', { currency: 'EUR' }), 5_000);
});

test('who watches is told what is new of all threads, and of a thread that was replaced what it has counted since', async () => {
  const a = observe().observer;
  const b = observe().observer;
  const read = (dumps: Parameters<typeof readLive>[0], atMs: number) =>
    readLive(dumps, { atMs, teamOf: (project) => (project === 'proj' ? 'team' : null) });
  a.settled(exchange, receipt());
  const first = read([a.dump(), b.dump()], 1_000);
  b.settled(exchange, receipt());
  b.settled(exchange, receipt({ status: 429, outcome: 'refused', attempts: [] }));
  a.streamOpened();
  const second = read([a.dump(), b.dump()], 2_500);
  const news = liveSince(first, second);
  assert.deepEqual([news.overMs, news.openStreams, news.atMs], [1_500, 1, 2_500]);
  const [route, ...others] = news.routes;
  assert.deepEqual(others, []);
  assert.deepEqual({ ...route?.outcomes }, { completed: 1, refused: 1 });
  assert.equal(route?.durations.length, news.boundsSeconds.length + 1);
  assert.equal(
    route.durations.reduce((sum, count) => sum + count, 0),
    2,
  );
  const [usage] = news.usage;
  assert.equal(usage?.team, 'team');
  assert.deepEqual({ ...usage.tokens }, { ...first.usage[0]?.tokens });
  assert.deepEqual({ ...usage.costNano }, { USD: 2_200 });
  assert.deepEqual({ ...news.targets[0]?.results }, { ok: 1 });
  assert.deepEqual(liveSince(second, read([a.dump(), b.dump()], 3_000)).routes, []);
  const fresh = observe().observer;
  fresh.settled(exchange, receipt());
  const replaced = liveSince(second, read([fresh.dump()], 4_000));
  assert.deepEqual({ ...replaced.routes[0]?.outcomes }, { completed: 1 });
  await Promise.all([a, b, fresh].map((each) => each.close()));
});

test('two threads are merged into one valid exposition', async () => {
  const a = observe().observer;
  const b = observe().observer;
  a.settled(exchange, receipt());
  b.settled(exchange, receipt());
  b.settled(
    exchange,
    receipt({ route: 'a"b\\c\nd', status: 429, fault: 'limit/exceeded', outcome: 'refused', attempts: [] }),
  );
  a.streamOpened();
  b.streamOpened();
  b.streamClosed();
  const { samples, types } = parseExposition(expose(a.dump(), b.dump()));
  await Promise.all([a.close(), b.close()]);

  assert.equal(value(samples, 'sluice_requests_total', { status: '2xx', route: 'chat', dialect: 'd' }), 2);
  assert.equal(
    value(samples, 'sluice_limit_refusals_total', { route: 'a"b\\c\nd', code: 'limit/exceeded' }),
    1,
  );
  const tokens = (kind: string) => value(samples, 'sluice_tokens_total', { project: 'proj', class: kind });
  assert.deepEqual(
    ['input', 'cache_read', 'cache_write', 'output', 'reasoning'].map(tokens),
    [200, 80, 0, 40, 10],
  );
  assert.equal(value(samples, 'sluice_cost_nano_total', { currency: 'USD' }), 4400);
  assert.equal(value(samples, 'sluice_attempts_total', { result: 'ok' }), 2);
  assert.equal(value(samples, 'sluice_time_to_first_content_seconds_sum'), 0.2);
  assert.equal(value(samples, 'sluice_time_per_output_token_seconds_count'), 2);
  assert.equal(value(samples, 'sluice_open_streams'), 1);
  assert.equal(value(samples, 'sluice_upstream_connections', { state: 'active' }), 4);
  assert.equal(value(samples, 'sluice_config_reloads_total', { result: 'refused' }), 1);
  assert.equal(value(samples, 'sluice_ledger_lag_segments'), 2);
  assert.ok(value(samples, 'process_resident_memory_bytes') > 1e6);
  assert.equal(types.get('sluice_request_duration_seconds'), 'histogram');
  assert.equal(types.get('sluice_event_loop_delay_seconds'), 'gauge');
});

test('of a stream each silence counts, pieces that come together are not apart, and a long one is a stall', async () => {
  const { observer } = observe();
  const pace = observer.paceOf('p', 'm');
  pace.came(1, 40);
  pace.came(4, 20);
  pace.came(1, 2500);
  observer.settled(exchange, receipt({ firstContentAtMs: 1100, attempts: [attempt({ endedAtMs: 1400 })] }));
  const { samples } = parseExposition(expose(observer.dump()));
  await observer.close();
  const labels = { provider: 'p', model: 'm' };
  assert.equal(value(samples, 'sluice_token_gap_seconds_count', labels), 6);
  assert.equal(value(samples, 'sluice_token_gap_seconds_sum', labels), 2.56);
  assert.equal(value(samples, 'sluice_token_gap_seconds_bucket', { ...labels, le: '0.001' }), 3);
  assert.equal(value(samples, 'sluice_stream_stalls_total', labels), 1);
  // 25 tokens of output, the first of which began the clock.
  assert.equal(value(samples, 'sluice_output_tokens_per_second_sum', labels), 80);
});

test('OpenMetrics for those who ask for it, with the latest trace of each bucket', async () => {
  const [a, b] = [observe().observer, observe().observer];
  a.settled(exchange, receipt({ traceId: 'a'.repeat(32), settledAtMs: 1650 }));
  b.settled(exchange, receipt({ traceId: 'b'.repeat(32), settledAtMs: 1700 }));
  b.settled(exchange, receipt({ traceId: 'c'.repeat(32), settledAtMs: 9000 }));
  const dumps = allDumps([a.dump(), b.dump()], main);
  await Promise.all([a.close(), b.close()]);
  const text = renderExposition(dumps, 'openmetrics');
  assert.match(text, /^# TYPE sluice_requests counter\nsluice_requests_total\{/m);
  assert.match(text, /\n# EOF\n$/);
  const bucket = (le: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`sluice_request_duration_seconds_bucket{route="chat",le="${le}"}`));
  assert.equal(bucket('1.0')?.replace(/^\S+ /, ''), `2 # {trace_id="${'b'.repeat(32)}"} 0.7 1.700`);
  assert.equal(bucket('10.0')?.replace(/^\S+ /, ''), `3 # {trace_id="${'c'.repeat(32)}"} 8 9.000`);
  assert.ok(!renderExposition(dumps, 'prometheus').includes('trace_id'));

  const scraper = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  assert.equal(formatWanted(scraper), 'openmetrics');
  assert.equal(formatWanted('text/plain, application/openmetrics-text;q=0.5'), 'prometheus');
  for (const other of [undefined, '*/*', 'text/html']) assert.equal(formatWanted(other), 'prometheus');
  assert.equal(contentTypeOf('openmetrics'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
});

test('names that callers invent do not become series', async () => {
  const { observer } = observe();
  for (let i = 0; i < 700; i++) {
    // A model that the upstream does not know, and a project each.
    const invented = attempt({ model: `x${i}`, status: 404, priceVersion: null, lines: [] });
    observer.settled(exchange, receipt({ attempts: [invented] }));
    observer.settled(exchange, receipt({ subjects: { key: 'k', project: `p${i}`, team: '' } }));
  }
  const { samples } = parseExposition(expose(observer.dump()));
  await observer.close();
  const labels = (name: string) => new Set(samples.map((sample) => sample.labels[name]));
  assert.deepEqual([...labels('model')].filter((model) => model !== undefined).sort(), ['m', 'other']);
  assert.equal(value(samples, 'sluice_attempts_total', { model: 'other', result: '4xx' }), 700);
  assert.ok(labels('project').size <= 502);
  assert.equal(value(samples, 'sluice_tokens_total', { project: 'other', class: 'input' }), 100 * 201);
});

test('the access log is one JSON line for each exchange, forged by nobody, without secrets', async () => {
  const { observer, lines } = observe(true);
  const forging = {
    ...exchange,
    head: { ...exchange.head, path: '/a\n{"status":200}\u001b[2J', host: 'h\r\n' },
  };
  observer.settled(forging, receipt({ requestedModel: '"},\n{"x":"' }));
  await observer.close();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^[^\u0000-\u001f]*\n$/);
  const line = JSON.parse(lines[0]!);
  assert.equal(line.path, forging.head.path);
  assert.equal(line.duration_ms, 600);
  assert.equal(line.ttfc_ms, 110);
  assert.deepEqual(line.tokens, { input: 100, cache_read: 40, output: 20, reasoning: 5 });
  assert.deepEqual(line.cost, { USD: '0.0000022' });
  assert.equal(line.upstream_id, 'up-1');
  assert.ok(!lines[0]!.includes('secret'));
});

test('bugs are logged with their stack, ten a second', async () => {
  const { observer, errors } = observe();
  for (let i = 0; i < 25; i++) observer.failed(exchange, new TypeError('boom\n'));
  const { samples } = parseExposition(expose(observer.dump()));
  await observer.close();
  assert.equal(errors.length, 10);
  assert.match(JSON.parse(errors[0]!).stack, /observer\.test/);
  assert.equal(value(samples, 'sluice_internal_errors_total'), 25);
});

test('a sink that hangs costs lines, and ending waits for it only so long', async () => {
  const sink = new LineSink(() => {}, 10_000);
  for (let i = 0; i < 30; i++) sink.add(`${'x'.repeat(999)}\n`);
  assert.equal(sink.dropped, 20);
  await sink.close();
});

test('pieces hold whole lines and fit into one atomic write', async () => {
  const pieces: string[] = [];
  const sink = new LineSink((piece, done) => {
    pieces.push(piece.toString());
    setImmediate(done);
  });
  const lines = Array.from({ length: 200 }, (_, i) => `${i}${'é'.repeat(i)}\n`);
  for (const line of lines) sink.add(line);
  await sink.close();
  assert.equal(pieces.join(''), lines.join(''));
  for (const piece of pieces) assert.ok(piece.endsWith('\n') && Buffer.byteLength(piece) <= 4096);
  assert.ok(pieces.length < 20);
});
