/** What a packed answer holds while it is unpacked: given back however it ends, and never more than its reader takes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { dialects } from '#dialects/index.ts';
import { CallAttempt } from '../../src/pipeline/call-attempt.ts';
import { watchZlib } from '../harness/zlib-watch.ts';

/** What is broken would wait for ever. */
const limits = { timeout: 30_000 };

const watch = watchZlib();
after(() => watch.stop());

const dialect = dialects.find(({ name }) => name === 'openai-chat')!;
const eventOf = (content: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const ending = `${eventOf('.').replace('null', '"stop"')}data: [DONE]\n\n`;

/** A streamed call whose upstream and client are played by the test. */
function attemptWith() {
  const client = { text: '', takes: true, gone: (): void => undefined, drain: (): void => undefined };
  const upstream = { sink: null as unknown as UpstreamSink, pauses: 0, resumes: 0, cancelled: false };
  const provider = { name: 'u', dialect: 'openai-chat', quirks: {} };
  const passage = {
    exchange: {
      id: 'x',
      head: { method: 'POST', headers: [] },
      inbound: {
        gone: false,
        onGone: (listener: () => void) => (client.gone = listener),
        onDrain: (listener: () => void) => (client.drain = listener),
        begin() {},
        write: (chunk: Buffer | string) => {
          client.text += chunk.toString();
          return client.takes;
        },
        end() {},
      },
      attempts: [],
      answerHeaders: [],
      losses: [],
      flows: [],
      limits: null,
      firstContentAtMs: null,
    },
    gateway: {
      clock: { nowMs: () => 0, monotonicMs: () => 0 },
      observer: {
        failed: assert.fail,
        streamOpened() {},
        streamClosed() {},
        paceOf: () => ({ came() {} }),
      },
      endpoint: () => ({
        upstream: {
          start: (_request: UpstreamRequest, sink: UpstreamSink) => {
            upstream.sink = sink;
            return {
              pause: () => upstream.pauses++,
              resume: () => upstream.resumes++,
              cancel: () => (upstream.cancelled = true),
            };
          },
        },
      }),
    },
    route: { onAnswer: [], openAnswer: [], encodeAnswer: [] },
  };
  const attempt = new CallAttempt({
    passage,
    call: { brief: { model: 'm', stream: true, wantsUsage: true }, dialect },
    outbound: { dialect, same: true, request: {} },
    record: { number: 1, target: { provider, model: 'm' }, provider: 'u' },
    isLast: true,
    deadlineMs: 0,
  } as never);
  const answer = attempt.run();
  upstream.sink.onHead(200, ['content-type', 'text/event-stream', 'content-encoding', 'gzip']);
  return { answer, client, upstream };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a stream that ends, a client that goes, an upstream that breaks off or lies', limits, async () => {
  for (const way of ['end', 'client', 'upstream', 'damage'] as const) {
    const before = watch.seen;
    const { answer, client, upstream } = attemptWith();
    const packed = gzipSync(eventOf('one') + (way === 'end' ? ending : randomBytes(200_000).toString('hex')));
    const half = packed.length >> 1;
    upstream.sink.onData(packed.subarray(0, way === 'end' ? undefined : half));
    if (way !== 'client') while (!client.text.includes('one')) await turn();
    if (way === 'client') client.gone();
    if (way === 'upstream') upstream.sink.onFault(new Fault('upstream/closed', 'gone'));
    // Not its checksum, and not its length.
    if (way === 'damage') upstream.sink.onData(packed.fill(0xff, packed.length - 8).subarray(half));
    (await answer).release();
    assert.equal(watch.seen, before + 1);
    assert.equal(watch.open, 0, way);
    assert.equal(upstream.cancelled, way === 'client' || way === 'damage', way);
    upstream.sink.onData(Buffer.from('late'));
  }
});

test(
  'a client that does not read stops the upstream; one that reads again sets it going',
  limits,
  async () => {
    const { answer, client, upstream } = attemptWith();
    client.takes = false;
    const text = Array.from({ length: 2000 }, () => eventOf(randomBytes(500).toString('hex'))).join('');
    const packed = gzipSync(text + ending);
    let sent = 0;
    while (upstream.pauses === 0) {
      assert.ok(sent < packed.length, 'nobody stops it');
      upstream.sink.onData(packed.subarray(sent, (sent += 8192)));
      await turn();
    }
    // What was unpacked beyond that is what two buffers hold.
    assert.ok(client.text.length < text.length / 2);
    client.takes = true;
    while (upstream.resumes === 0) {
      client.drain();
      await turn();
    }
    upstream.sink.onData(packed.subarray(sent));
    upstream.sink.onEnd([]);
    (await answer).release();
    assert.equal(client.text, text + ending);
    assert.equal(watch.open, 0);
  },
);

test(
  'what follows the end of a stream is read on, so that its connection is of use again',
  limits,
  async () => {
    const { answer, client, upstream } = attemptWith();
    client.takes = false;
    upstream.sink.onData(gzipSync(eventOf('one') + ending));
    while (!client.text.includes('one')) await turn();
    client.drain();
    (await answer).release();
    assert.ok(upstream.resumes > 0);
    assert.equal(watch.open, 0);
  },
);
