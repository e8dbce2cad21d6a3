/** Limits after kill -9: what stood reserved, and what was leased since, is not given a second time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, testKey } from '../harness/gateway.ts';
import { startGatewayProcess, type GatewayProcess } from '../harness/gateway-process.ts';

let simulator: Simulator;
let gateway: GatewayProcess;

before(async () => {
  simulator = await startSimulator({ port: 0 });
  const policies = [
    { 'key-auth': {} },
    { budget: { by: 'project', tokens: ['5000 per month', '100000/day'], hard: true } },
    { 'rate-limit': { by: 'project', requests: '100/h burst 100' } },
    { 'concurrency-limit': { by: 'project', max: 1 } },
  ];
  gateway = await startGatewayProcess({ file: standardConfig(simulator.url, { policies }) });
});
after(async () => {
  await gateway.remove();
  await simulator.close();
});

function send(script: object, stream: boolean): Promise<Response> {
  const messages = [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }];
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'o/gpt-sim', stream, max_tokens: 20_000, messages }),
  });
}

test('what a stream had leased when its gateway was killed stays booked; its place at work is free', async () => {
  const open = await send({ tokens: 4000, stallAt: 3000 }, true);
  assert.equal(open.status, 200);
  const reader = open.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; (text.match(/"content":/g)?.length ?? 0) < 3000;) {
    const { value, done } = await reader.read();
    assert.ok(!done, text.slice(-500));
    text += value;
  }
  // Where a stream stands is put on record each second.
  await delay(2500);
  await gateway.end('SIGKILL');
  await reader.cancel().catch(() => undefined);
  await gateway.start();
  const next = await send({ tokens: 20_000 }, false);
  const body = (await next.json()) as { usage: { completion_tokens: number } };
  assert.equal(next.status, 200, JSON.stringify(body));
  const { completion_tokens: tokens } = body.usage;
  assert.ok(tokens > 500 && tokens <= 2000, `${tokens} of the 2,000 that were left, or a block less`);
  assert.match(next.headers.get('ratelimit')!, /"rate-limit\/0\/requests\/h";r=98;/);
});
