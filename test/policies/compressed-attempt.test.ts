import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { Policy } from '#core/contracts/policy.ts';
import type { UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { compression } from '#policies/compression/index.ts';
import { wholeAnswer } from '../../src/pipeline/answer.ts';
import { HttpAttempt } from '../../src/pipeline/http-attempt.ts';
import { watchZlib } from '../harness/zlib-watch.ts';

/** What is broken would wait for ever. */
const limits = { timeout: 30_000 };

const watch = watchZlib();
after(() => watch.stop());

class Client {
  readonly chunks: Buffer[] = [];
  headers: HeaderList = [];
  takes = true;
  gone = false;
  ended: boolean | null = null;
  trailers: HeaderList = [];
  drain: () => void = () => undefined;
  #wake: (() => void) | null = null;
  begin(_status: number, headers: HeaderList) {
    this.headers = headers;
  }
  write(chunk: Buffer) {
    assert.equal(this.ended, null, 'nothing after the end');
    this.chunks.push(chunk);
    this.#wake?.();
    return this.takes;
  }
  onDrain(listener: () => void) {
    this.drain = listener;
  }
  end(complete = true, trailers: HeaderList = []) {
    this.ended = complete;
    this.trailers = trailers;
  }
  async until(condition: () => boolean) {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

/** A request of an http route whose upstream and client are played by the test. */
function attemptWith(
  policy: Policy = compression.create({ encodings: ['gzip'], minBytes: 1 }, null as never),
) {
  const client = new Client();
  const reports: unknown[] = [];
  const upstream = { sink: null as unknown as UpstreamSink, pauses: 0, resumes: 0, cancelled: false };
  const passage = {
    exchange: {
      id: 'x',
      head: { method: 'GET', headers: ['accept-encoding', 'gzip'] },
      inbound: client as unknown as Inbound,
      answerHeaders: [],
      attempts: [],
      recorders: [],
    },
    gateway: {
      clock: { nowMs: () => 0 },
      observer: { failed: (_: unknown, error: unknown) => reports.push(error) },
    },
    route: { route: { kind: 'http', meter: null }, onAnswer: [], judgeAnswer: [], rewriteAnswer: [], encodeAnswer: [policy] },
  };
  const record = { provider: 'u' };
  const attempt = new HttpAttempt(passage as never, record as never, { accepts: () => true });
  const answer = attempt.run(
    {
      start: (_request: UpstreamRequest, sink: UpstreamSink) => {
        upstream.sink = sink;
        return {
          pause: () => upstream.pauses++,
          resume: () => upstream.resumes++,
          cancel: () => (upstream.cancelled = true),
        };
      },
    } as never,
    {} as UpstreamRequest,
    0,
  );
  const begin = () => upstream.sink.onHead(200, ['content-type', 'text/plain', 'content-length', '999']);
  return { attempt, answer, client, upstream, begin, passage, reports };
}

const broken: Policy = {
  name: 'broken',
  summary: '-',
  encodeAnswer: (_exchange, { headers }) => ({
    headers,
    open: (sink) => ({
      write: () => {
        sink.onError(new Error('out of memory'));
        return true;
      },
      flush() {},
      end() {},
      destroy() {},
      pause() {},
      resume() {},
    }),
  }),
};

test('all that was sent arrives, and its end and trailers only on release', limits, async () => {
  const { answer, client, upstream, begin } = attemptWith();
  begin();
  for (const text of ['one ', 'two ', 'three']) upstream.sink.onData(Buffer.from(text));
  upstream.sink.onEnd(['x-sum', '3']);
  const given = await answer;
  assert.equal(client.ended, null);
  assert.equal(gunzipSync(Buffer.concat(client.chunks)).toString(), 'one two three');
  assert.ok(!client.headers.includes('content-length'));
  given!.release();
  assert.deepEqual([client.ended, client.trailers], [true, ['x-sum', '3']]);
  assert.equal(watch.open, 0);
});

test(
  'a client that does not read stops the upstream, and one that reads again sets it going',
  limits,
  async () => {
    const { answer, attempt, client, upstream, begin } = attemptWith();
    begin();
    client.takes = false;
    let sent = 0;
    while (upstream.pauses === 0) {
      assert.ok(sent < 50_000_000, 'nobody stops it');
      upstream.sink.onData(randomBytes(16_384));
      sent += 16_384;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(upstream.resumes, 0);
    client.takes = true;
    while (upstream.resumes === 0) {
      client.drain();
      await new Promise((resolve) => setImmediate(resolve));
    }
    attempt.abandon();
    await answer;
  },
);

test(
  'a client that goes, an upstream that breaks off: what the encoder holds is given back',
  limits,
  async () => {
    for (const way of ['client', 'upstream', 'client after the end'] as const) {
      const before = watch.seen;
      const { answer, attempt, client, upstream, begin } = attemptWith();
      begin();
      upstream.sink.onData(randomBytes(100_000));
      if (way === 'upstream') upstream.sink.onFault(new Fault('upstream/closed', 'gone'));
      else {
        if (way === 'client after the end') upstream.sink.onEnd([]);
        attempt.abandon();
      }
      assert.equal(watch.seen, before + 1);
      assert.equal(watch.open, 0, way);
      (await answer)!.release();
      assert.equal(client.ended, way === 'upstream' ? false : null);
      assert.equal(upstream.cancelled, way !== 'upstream');
      upstream.sink.onData(Buffer.from('late'));
    }
  },
);

test(
  'an encoder that fails ends the answer as a cut one; a policy that fails leaves it plain',
  limits,
  async () => {
    const first = attemptWith(broken);
    first.begin();
    first.upstream.sink.onData(Buffer.from('x'));
    (await first.answer)!.release();
    assert.equal(first.client.ended, false);
    assert.equal(first.upstream.cancelled, true);
    assert.equal((first.passage.exchange as { fault?: Fault }).fault!.code, 'policy/failed');

    const throwing: Policy = {
      name: 'throwing',
      summary: '-',
      encodeAnswer: () => {
        throw new Error('a bug');
      },
    };
    const second = attemptWith(throwing);
    second.upstream.sink.onHead(200, ['content-type', 'text/plain']);
    second.upstream.sink.onData(Buffer.from('plain'));
    second.upstream.sink.onEnd([]);
    (await second.answer)!.release();
    assert.equal(Buffer.concat(second.client.chunks).toString(), 'plain');
    assert.equal(second.reports.length, 1);
  },
);

test('an encoder that fails over a whole answer leaves it plain, and is reported', limits, async () => {
  const given: unknown[] = [];
  const { passage, reports } = attemptWith(broken);
  const respond = (...all: unknown[]) => void given.push(all);
  passage.exchange.inbound = { gone: false, respond } as unknown as Inbound;
  const headers = ['content-type', 'text/plain'];
  const answer = wholeAnswer(passage as never, { status: 200, headers, body: 'plain' });
  await answer.prepare!();
  assert.deepEqual([answer.heldBytes, reports.length], [5, 1]);
  answer.release();
  assert.deepEqual(given, [[200, [...headers, 'x-sluice-exchange', 'x'], 'plain']]);
});
