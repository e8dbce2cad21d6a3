/** `npm start`, as the README has it: npm and a shell stand between a person's signals and the gateway. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCheckout, type Started } from './checkout.ts';

const anyPorts = { SLUICE_PORT: '0', SLUICE_ADMIN_PORT: '0' };

/** A stream under way: the first of its bytes have come, some words are still to come. */
async function openStream({ url, banner }: Started) {
  const key = /Key +(\S+)/.exec(banner)?.[1];
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'simulated',
      stream: true,
      messages: [{ role: 'user', content: 'Say hello' }],
    }),
  });
  assert.equal(answer.status, 200);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  assert.doesNotMatch(text, /\[DONE\]/, 'the stream is still under way when the signal comes');
  return async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    return text;
  };
}

for (const how of ['Ctrl-C', 'SIGTERM'] as const)
  test(`${how} on npm start: streams end whole, the code is 0 and nothing is left running`, async (context) => {
    const checkout = makeCheckout(context);
    const gateway = await checkout.startGateway('npm start', anyPorts);
    const rest = await openStream(gateway);
    const [code, text] = await Promise.all([gateway.stop(how), rest()]);
    assert.match(text, /data: \[DONE\]\n\n$/);
    assert.equal(code, 0);
    await assert.rejects(fetch(`${gateway.adminUrl}/healthz`), 'its port is free again');
    const verified = await checkout.run('npm run --silent sluice -- ledger verify');
    assert.match(verified.out, /^1 receipts, 1 attempts: everything adds up\n$/, verified.err);
  });

test('signals that go on after npm has sent one twice end it at once, with code 1', async (context) => {
  const checkout = makeCheckout(context);
  const config = {
    version: 1,
    listen: { port: 0 },
    admin: { port: 0 },
    drain: { delay: '1h' },
    providers: { simulated: {} },
    routes: [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }],
  };
  writeFileSync(join(checkout.folder, 'drain.yaml'), JSON.stringify(config));
  const gateway = await checkout.startGateway('npm start -- --config drain.yaml');
  let code: number | null | undefined;
  const stopped = gateway.stop('SIGTERM').then((value) => (code = value));
  // Left alone it would drain for an hour.
  while (code === undefined) {
    const ready = await fetch(`${gateway.adminUrl}/readyz`).catch(() => null);
    if (ready?.status === 503) void gateway.stop('SIGTERM');
  }
  assert.equal(await stopped, 1);
});
