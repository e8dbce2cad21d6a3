/** A body that has no end: bounded while it flows. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { startRawUpstream, type RawUpstream } from '../harness/raw-upstream.ts';
import { receiptOf } from '../harness/receipts.ts';

let gateway: TestGateway;
let holding: RawUpstream;

before(async () => {
  holding = await startRawUpstream(() => undefined);
  const route = (name: string, more: object = {}) => ({
    name,
    match: { path: `/${name}/**` },
    bodyLimit: '64KiB',
    policies: [],
    to: { http: holding.url, ...more },
  });
  gateway = await startTestGateway({
    config: {
      routes: [route('endless'), route('kept', { retries: { methods: ['POST'], buffer: '16KiB' } })],
    },
  });
});
after(async () => {
  await (gateway as TestGateway | undefined)?.stop();
  await holding.close();
});

test('security 33: a chunked body that passes the limit gets 413 while it flows, and the upstream sees it end', async () => {
  for (const route of ['endless', 'kept']) await sendEndlessly(route);
});

async function sendEndlessly(route: string): Promise<void> {
  const socket = connect(gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  const before = holding.sockets.size;
  socket.write(`POST /${route}/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`);
  const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
  let sent = 0;
  while (!text.includes('\r\n\r\n') && !socket.destroyed && sent < 4096) {
    sent++;
    await new Promise<void>((resolve) => socket.write(chunk, () => setImmediate(resolve)));
  }
  await closed;
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.match(text, /connection: close/i);
  assert.ok(sent * 0x2000 < 8 * 1024 * 1024, `${sent} chunks were taken`);
  const id = /^x-sluice-exchange: (\S+)/im.exec(text)![1]!;
  const receipt = await receiptOf(gateway, id);
  assert.deepEqual(
    [receipt.outcome, receipt.status, receipt.fault],
    ['refused', 413, 'request/body-too-large'],
  );
  assert.equal(receipt.attempts.length, 1);
  while (holding.sockets.size > before) await new Promise((resolve) => setTimeout(resolve, 10));
}
