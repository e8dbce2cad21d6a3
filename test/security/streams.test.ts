import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { receiptOf } from '../harness/receipts.ts';
import { sendRaw } from '../harness/raw-socket.ts';

let gateway: TestGateway;
before(async () => (gateway = await startTestGateway()));
after(() => gateway.stop());

const cancelledWithinMs = 1000;
const auth = `Authorization: Bearer ${testKey}`;

function chat(model: string, script: object): Buffer {
  const body = JSON.stringify({
    model,
    stream: true,
    max_tokens: 1000,
    messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
  });
  return Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n${auth}\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const endless = {
  llm: chat('o/gpt-sim', { tokens: 900, paceMs: 20 }),
  'llm, translated': chat('a/claude-sim', { tokens: 900, paceMs: 20 }),
  http: `GET /api/sse?count=900&delayMs=20 HTTP/1.1\r\nHost: a\r\n${auth}\r\n\r\n`,
};

describe('security 50: a client that leaves in the middle of a stream', () => {
  for (const [kind, request] of Object.entries(endless))
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      test(`by ${leave} (${kind}): the upstream is cancelled within a second, and settled once`, async () => {
        const calls = gateway.simulator.calls().length;
        const socket = connect(gateway.port, '127.0.0.1');
        socket.on('error', () => {});
        let text = '';
        await new Promise<void>((resolve) => {
          socket.on('data', (chunk) => {
            text += chunk.toString('latin1');
            if ((text.match(/^data: /gm)?.length ?? 0) >= 5) resolve();
          });
          socket.write(request);
        });
        const leftAtMs = Date.now();
        socket[leave]();
        const call = gateway.simulator.calls()[calls]!;
        while (call.clientGoneAtMs === null) await new Promise((resolve) => setTimeout(resolve, 10));
        assert.ok(call.clientGoneAtMs - leftAtMs < cancelledWithinMs, `${call.clientGoneAtMs - leftAtMs} ms`);
        const id = /x-sluice-exchange: (\w+)/i.exec(text)![1]!;
        const receipt = await receiptOf(gateway, id);
        assert.equal(receipt.outcome, 'client_gone');
        assert.equal(receipt.attempts.length, 1);
        socket.destroy();
      });
    }
});

describe('security 51: an upstream whose stream is odd or broken', () => {
  const whole: Record<string, object> = {
    'without its terminal event': { tokens: 6, noDone: true },
    'split at every byte': { text: 'Grüße 你好 👋 end', splitAt: 'every' },
    'with CRLF and comments': { tokens: 6, crlf: true, comments: true },
    'with data in several lines': { tokens: 6, multiLineData: true },
  };
  for (const model of ['o/gpt-sim', 'a/claude-sim']) {
    for (const [what, script] of Object.entries(whole)) {
      test(`${what} (${model}): the client gets all of it and a proper end`, async () => {
        const { text } = await sendRaw(gateway.port, chat(model, script), 1500);
        assert.match(text, /^HTTP\/1\.1 200 /);
        assert.match(text, /data: \[DONE\]\r?\n/);
        assert.match(text, /"finish_reason":\s?"stop"/);
        assert.doesNotMatch(text, /\ufffd/);
      });
    }

    test(`an error after 200 (${model}): the client is told, in its own words, and the stream ends`, async () => {
      const { text, closed } = await sendRaw(
        gateway.port,
        chat(model, { tokens: 9, errorInStreamAt: 3 }),
        1500,
      );
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.match(text, /data: \{"error":/);
      assert.ok(closed);
    });
  }
});
