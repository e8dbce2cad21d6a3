import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ANTHROPIC_PATH, OPENAI_PATH, parseEvents, post, postRaw, readJson, until } from './probe.ts';
import { startSimulator } from './server.ts';
import type { Simulator } from './server.ts';

let simulator: Simulator;
before(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
after(() => simulator.close());

const ask = (model: string, stream = true): object => ({
  model,
  stream,
  max_tokens: 1000,
  messages: [{ role: 'user', content: 'hi' }],
});
const contentIn = (text: string): number =>
  text.match(/"delta":\{"content":"[^"]|"type":"text_delta"/g)?.length ?? 0;

for (const path of [OPENAI_PATH, ANTHROPIC_PATH]) {
  describe(`faults of ${path}`, () => {
    it('resets before the headers and after the third chunk', async () => {
      const early = await postRaw(simulator, path, ask('sim-x?tokens=9&resetAt=0'));
      assert.deepEqual([early.text, early.error], ['', 'ECONNRESET']);
      const late = await postRaw(simulator, path, ask('sim-x?tokens=9&resetAt=3'));
      assert.equal(late.error, 'ECONNRESET');
      assert.equal(contentIn(late.text), 3);
      const [first, second] = simulator.calls();
      assert.deepEqual([first?.status, first?.finished, first?.tokensGenerated], [0, 'reset', 0]);
      assert.deepEqual([second?.status, second?.finished, second?.tokensGenerated], [200, 'reset', 3]);
    });

    it('ends in order without a terminator, or hangs up in the middle of the body', async () => {
      const closed = await postRaw(simulator, path, ask('sim-x?tokens=9&closeAt=2'));
      assert.equal(closed.error, null);
      assert.equal(contentIn(closed.text), 2);
      assert.match(closed.text, /\r\n0\r\n\r\n$/);
      const hungUp = await postRaw(simulator, path, ask('sim-x?tokens=9&hangUpAt=2'));
      assert.equal(contentIn(hungUp.text), 2);
      assert.doesNotMatch(hungUp.text, /\r\n0\r\n\r\n$/);
      assert.deepEqual(
        simulator.calls().map((call) => call.finished),
        ['closed', 'hung-up'],
      );
    });

    it('omits the terminator only', async () => {
      const text = await (await post(simulator, path, ask('sim-x?noDone=true'))).text();
      assert.doesNotMatch(text, /\[DONE\]|message_stop/);
      assert.match(text, /"finish_reason":"stop"|"stop_reason":"end_turn"/);
    });

    it('sends an error frame and stops', async () => {
      const text = await (await post(simulator, path, ask('sim-x?tokens=9&errorInStreamAt=4'))).text();
      assert.equal(contentIn(text), 4);
      const last = JSON.parse(parseEvents(text).at(-1)?.data ?? '');
      assert.match(last.error.type, /^(server_error|overloaded_error)$/);
      assert.equal(simulator.calls()[0]?.finished, 'error-frame');
    });

    it('sends one bad chunk and goes on', async () => {
      const text = await (await post(simulator, path, ask('sim-x?tokens=5&malformedAt=2'))).text();
      assert.equal(contentIn(text), 5);
      const bad = parseEvents(text).filter(({ data }) => data !== '[DONE]' && !data.endsWith('}'));
      assert.equal(bad.length, 1);
    });

    it('stalls until the client leaves, and notices that', async () => {
      const abort = new AbortController();
      const response = await post(simulator, path, ask('sim-x?tokens=9&stallAt=2'), { signal: abort.signal });
      const [call] = simulator.calls();
      await until(() => call?.finished === 'stalled');
      assert.equal(call?.clientGoneAtMs, null);
      abort.abort();
      await assert.rejects(response.text());
      await until(() => call?.clientGoneAtMs !== null);
      assert.deepEqual([call?.finished, call?.chunks], ['stalled', 2]);
    });

    it('stops making tokens once the client has left, streamed or not', async () => {
      for (const stream of [true, false]) {
        simulator.reset();
        const abort = new AbortController();
        const pending = post(simulator, path, ask('sim-x?tokens=900&paceMs=5', stream), {
          signal: abort.signal,
        }).then((response) => response.text());
        await until(() => (simulator.calls()[0]?.tokensGenerated ?? 0) >= 3);
        abort.abort();
        await assert.rejects(pending);
        const call = simulator.calls()[0];
        await until(() => call?.finished === 'client-gone');
        assert.ok(call && call.tokensGenerated < 900 && call.clientGoneAtMs !== null);
        assert.equal(call.endedAtMs, call.clientGoneAtMs);
      }
    });

    it('refuses with status, type, retry-after and limits', async () => {
      simulator.enqueue({ status: 429, errorType: 'odd_error', retryAfter: 7 });
      const response = await post(simulator, path, ask('sim-x'));
      assert.equal(response.status, 429);
      assert.equal(response.headers.get('retry-after'), '7');
      const limit =
        path === OPENAI_PATH ? 'x-ratelimit-remaining-requests' : 'anthropic-ratelimit-requests-remaining';
      assert.equal(response.headers.get(limit), '0');
      const body = await readJson(response);
      assert.equal(body.error.type, 'odd_error');
      const [call] = simulator.calls();
      assert.deepEqual([call?.finished, call?.tokensGenerated, call?.usage], ['refused', 0, null]);
    });

    it('lies about the length of a body and ends it by closing', async () => {
      const body = ask('sim-x', false);
      const declared = (text: string): number => Number(/content-length: (\d+)/i.exec(text)?.[1]);
      const actual = (text: string): number => Buffer.byteLength(text.slice(text.indexOf('\r\n\r\n') + 4));
      simulator.enqueue({ contentLengthShort: 3 }, { contentLengthLong: 4 }, { closeDelimited: true });
      const short = (await postRaw(simulator, path, body)).text;
      assert.equal(declared(short), actual(short) - 3);
      const long = (await postRaw(simulator, path, body)).text;
      assert.equal(declared(long), actual(long) + 4);
      const delimited = (await postRaw(simulator, path, body)).text;
      assert.doesNotMatch(delimited, /content-length|transfer-encoding/i);
      assert.match(delimited, /connection: close/i);
    });
  });
}
