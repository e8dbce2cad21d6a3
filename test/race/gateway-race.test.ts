import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startTestGateway, testKey } from '../harness/gateway.ts';

const callers = 1000;
const places = 10;
const rounds = process.env['SLUICE_LONG'] ? 20 : 1;

interface Called {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** Resolves with the head of the answer, if it is told not to read the rest. */
function call(url: string, agent: Agent, stalls = false): Promise<Called> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/v1/chat/completions`,
      {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      },
      (answer) => {
        answer.resume();
        answer.on('error', () => undefined);
        const called = { status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] };
        if (stalls) resolve(called);
        else answer.on('end', () => resolve(called));
      },
    );
    sent.on('error', reject);
    const content = stalls ? 'simulate:{"tokens":9,"stallAt":2}' : 'hi';
    sent.end(JSON.stringify({ model: 'o/gpt-sim', stream: stalls, messages: [{ role: 'user', content }] }));
  });
}

test('a thousand concurrent callers against a limit for ten, over three threads: ten are admitted', async (t) => {
  let wrong = 0;
  for (let round = 0; round < rounds; round++) if ((await race()) !== places) wrong++;
  t.diagnostic(`figure: races of 1,000 callers over sockets, three threads, for 10 places: ${rounds}`);
  t.diagnostic(`figure: races over sockets that admitted more or fewer than 10: ${wrong}`);
});

test('a thousand callers who stay, for ten places at work: ten have one, and it is free when they go', async () => {
  const gateway = await startTestGateway({
    threads: 3,
    config: { policies: [{ 'key-auth': {} }, { 'concurrency-limit': { by: 'team', max: places } }] },
  });
  const agent = new Agent({ keepAlive: false, maxSockets: 250 });
  try {
    const answers = await Promise.all(Array.from({ length: callers }, () => call(gateway.url, agent, true)));
    assert.equal(answers.filter(({ status }) => status === 200).length, places);
    assert.equal(answers.filter(({ status }) => status === 429).length, callers - places);
    agent.destroy();
    const next = new Agent();
    for (let status = 429, tries = 0; status !== 200; tries++) {
      assert.ok(tries < 200, 'nobody gave a place back');
      await delay(50);
      ({ status } = await call(gateway.url, next));
    }
    next.destroy();
  } finally {
    agent.destroy();
    await gateway.stop();
  }
});

/** Returns how many callers were admitted. */
async function race(): Promise<number> {
  const gateway = await startTestGateway({
    threads: 3,
    config: { policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'project', requests: `${places}/h` } }] },
  });
  // A connection for each caller, so that the kernel spreads them over the threads.
  const agent = new Agent({ keepAlive: false, maxSockets: 250 });
  try {
    const answers = await Promise.all(Array.from({ length: callers }, () => call(gateway.url, agent)));
    const admitted = answers.filter(({ status }) => status === 200).length;
    assert.equal(admitted, places);
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(refused.length, callers - places);
    assert.ok(refused.every(({ retryAfter }) => Number(retryAfter) >= 1));
    assert.equal(gateway.simulator.calls().length, places);
    return admitted;
  } finally {
    agent.destroy();
    await gateway.stop();
  }
}
