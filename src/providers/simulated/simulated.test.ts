import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BodySource, UpstreamCall, UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { composeAnswer, renderEvents, renderWhole, SimulatedRefusal } from './compose-answer.ts';
import { createSimulatedUpstream } from './index.ts';

const ask = (body: UpstreamRequest['body'], path = '/chat/completions'): UpstreamRequest => ({
  origin: { key: 'k', secure: false, host: 'simulated', port: 0, proxy: null, tls: null },
  method: 'POST',
  path,
  headers: [],
  body,
  timeouts: { connectMs: 1, responseHeaderMs: 1, idleMs: 1, totalMs: 0 },
  idempotent: false,
  upgrade: null,
});

const bodyOf = (fields: object) =>
  Buffer.from(
    JSON.stringify({
      model: 'simulated',
      messages: [{ role: 'user', content: 'Say hello' }],
      ...fields,
    }),
  );

interface Outcome {
  status: number;
  body: string;
  chunks: number;
  calls: string[];
  fault: Fault | null;
}

/** Runs a request to its end; `onChunk` may steer the call. */
function run(request: UpstreamRequest, onChunk?: (call: UpstreamCall, n: number) => void): Promise<Outcome> {
  const outcome: Outcome = { status: 0, body: '', chunks: 0, calls: [], fault: null };
  return new Promise((resolve) => {
    const call: UpstreamCall = createSimulatedUpstream({ paceMs: 0 }).start(request, {
      onHead(status) {
        outcome.calls.push('head');
        outcome.status = status;
      },
      onData(chunk) {
        outcome.body += chunk.toString();
        onChunk?.(call, (outcome.chunks += 1));
      },
      onEnd() {
        outcome.calls.push('end');
        resolve(outcome);
      },
      onFault(fault) {
        outcome.calls.push('fault');
        outcome.fault = fault;
        resolve(outcome);
      },
    });
    outcome.calls.push('started');
  });
}

const eventsOf = (body: string) =>
  body
    .split('\n\n')
    .filter((event) => event && event !== 'data: [DONE]')
    .map((event) => JSON.parse(event.slice('data: '.length)));

test('a whole answer says that it is simulated, and what was asked, with usage that adds up', async () => {
  const { status, body, calls } = await run(ask(bodyOf({})));
  assert.equal(status, 200);
  assert.deepEqual(calls, ['started', 'head', 'end']);
  const answer = JSON.parse(body);
  assert.equal(
    answer.choices[0].message.content,
    "This is Sluice's built-in simulated model. You said: Say hello",
  );
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('a stream gives the same words, and usage only to those who ask', async () => {
  const plain = await run(ask(bodyOf({ stream: true })));
  const asked = await run(ask(bodyOf({ stream: true, stream_options: { include_usage: true } })));
  for (const { body } of [plain, asked]) {
    assert.ok(body.endsWith('data: [DONE]\n\n'));
    const text = eventsOf(body).map((event) => event.choices[0]?.delta.content ?? '');
    assert.equal(text.join(''), "This is Sluice's built-in simulated model. You said: Say hello");
  }
  assert.ok(eventsOf(plain.body).every((event) => !('usage' in event)));
  const last = eventsOf(asked.body).at(-1);
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, eventsOf(asked.body).length - 3);
  assert.ok(
    eventsOf(asked.body)
      .slice(0, -1)
      .every((event) => event.usage === null),
  );
});

test('the cap on output tokens is honoured, in either field', async () => {
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    const answer = JSON.parse((await run(ask(bodyOf({ [field]: 3 })))).body);
    assert.equal(answer.usage.completion_tokens, 3);
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.equal(answer.choices[0].message.content, "This is Sluice's");
  }
});

test('what it cannot answer is refused as a client of the dialect expects', async () => {
  for (const body of [
    null,
    Buffer.from('{'),
    Buffer.from('[]'),
    bodyOf({ messages: [] }),
    bodyOf({ n: 2 }),
  ]) {
    const { status, body: text } = await run(ask(body));
    assert.equal(status, 400);
    assert.equal(JSON.parse(text).error.type, 'invalid_request_error');
  }
  assert.equal((await run(ask(bodyOf({}), '/embeddings'))).status, 404);
});

test('cancel ends it: no callback comes after', async () => {
  const upstream = createSimulatedUpstream({ paceMs: 0 });
  const calls: string[] = [];
  await new Promise<void>((resolve) => {
    const call = upstream.start(ask(bodyOf({ stream: true })), {
      onHead: () => void calls.push('head'),
      onData() {
        calls.push('data');
        call.cancel();
        assert.equal(upstream.stats().active, 0);
        call.resume();
        call.cancel();
        setTimeout(resolve, 30);
      },
      onEnd: () => void calls.push('end'),
      onFault: () => void calls.push('fault'),
    });
    assert.equal(upstream.stats().active, 1);
  });
  assert.deepEqual(calls, ['head', 'data']);
});

test('pause holds it and resume goes on, losing nothing', async () => {
  let held = 0;
  const { body } = await run(ask(bodyOf({ stream: true })), (call, n) => {
    if (n !== 2) return;
    call.pause();
    setTimeout(() => {
      held = n;
      call.resume();
    }, 10);
  });
  assert.equal(held, 2);
  assert.ok(body.endsWith('data: [DONE]\n\n'));
});

test('a body that arrives in pieces is waited for; one that fails is a fault', async () => {
  const source = (open: BodySource['open']): BodySource => ({
    lengthBytes: null,
    open,
    pause() {},
    resume() {},
  });
  const whole = bodyOf({});
  const arriving = source((sink) => {
    sink.onData(whole.subarray(0, 20));
    setImmediate(() => {
      sink.onData(whole.subarray(20));
      sink.onEnd();
    });
  });
  assert.equal((await run(ask(arriving))).status, 200);
  const gone = await run(ask(source((sink) => sink.onFault(new Fault('client/gone', 'gone')))));
  assert.equal(gone.fault?.code, 'client/gone');
  assert.deepEqual(gone.calls, ['started', 'fault']);
});

test('any JSON is answered or refused, and answers always parse', () => {
  const identity = { id: 'x', createdS: 0 };
  const messages = fc.array(
    fc.record({
      role: fc.constantFrom('user', 'system'),
      content: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
    }),
  );
  const bodies = fc.oneof(
    fc.json(),
    fc.string(),
    fc.record({ model: fc.string(), messages, stream: fc.boolean() }).map((body) => JSON.stringify(body)),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      try {
        const answer = composeAnswer(body);
        JSON.parse(renderWhole(answer, identity));
        eventsOf(renderEvents(answer, identity).join(''));
      } catch (error) {
        assert.ok(error instanceof SimulatedRefusal, String(error));
      }
    }),
    { numRuns: process.env.SLUICE_LONG ? 5000 : 200, seed: 3 },
  );
});
