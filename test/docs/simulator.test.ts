import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startSimulator } from '../../simulator/server.ts';
import { blocksOf } from '../harness/snippets.ts';
import { makeCheckout } from './checkout.ts';

type Program = (start: typeof startSimulator, call: (url: string) => Promise<void>) => Promise<object>;

test('the block of the simulator’s page: what was queued is served, and what was served is told', async () => {
  const [text] = blocksOf('simulator/README.md', 'ts') as [string];
  const call = '// … call simulator.url through the gateway …';
  const last = 'simulator.calls().at(-1); //';
  assert.ok(text.includes(call) && text.includes(last), text);
  const source = text.replace(call, 'await call(simulator.url);').replace(last, 'const told = $&');
  const program = new Function(
    'startSimulator',
    'call',
    `return (async () => { ${source} return told; })();`,
  ) as Program;
  let broken: unknown = null;
  const told = await program(startSimulator, async (url) => {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-x', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sim', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
    });
    await answer.text().catch((error: unknown) => (broken = error));
  });
  assert.ok(broken instanceof Error, 'resetAt: 5 resets the connection within the stream');
  assert.ok('model' in told && told.model === 'sim', JSON.stringify(told));
});

test('npm run simulator, as its page has it', async (context) => {
  const line = /^ {4}(npm run simulator -- --port )9999 /m.exec(
    readFileSync('simulator/README.md', 'utf8'),
  )?.[1];
  assert.ok(line);
  const { code, out } = await makeCheckout(context).runUntil(
    `${line}0`,
    /Simulator at (\S+)/,
    async ([, url]) => {
      assert.equal((await fetch(`${url}/echo/x`)).status, 200);
    },
  );
  assert.equal(code, 0, out);
});
