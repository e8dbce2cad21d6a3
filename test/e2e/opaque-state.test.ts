import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

let simulator: Simulator;
let gateway: TestGateway;
before(async () => {
  simulator = await startSimulator();
  const { providers } = standardConfig(simulator.url) as { providers: Record<string, object> };
  const other = { kind: 'anthropic', baseUrl: simulator.url, apiKey: 'sk-other' };
  gateway = await startTestGateway({ simulator, config: { providers: { ...providers, b: other } } });
});
after(async () => {
  await gateway.stop();
  await simulator.close();
});

interface Message {
  readonly content: unknown;
  readonly reasoning_details?: readonly { readonly signature?: string; readonly data?: string }[];
}

async function chat(model: string, messages: readonly object[], more: object = {}) {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages, reasoning_effort: 'high', ...more }),
  });
  const answer = (await response.json()) as { choices: { message: Message }[] };
  assert.equal(response.status, 200, JSON.stringify(answer));
  return { message: answer.choices[0]!.message, dropped: response.headers.get('x-sluice-dropped') };
}

const said = { role: 'user', content: 'And then?' };
const wish = {
  role: 'user',
  content: `simulate:${JSON.stringify({ reasoning: 'I see.', redactedThinking: true, text: 'Yes.' })}`,
};
const lastSent = () => JSON.stringify(simulator.calls().at(-1)!.body);

test('proofs of reasoning go back to the provider that made them, and are left out for every other', async () => {
  const { message } = await chat('a/claude-sim', [wish]);
  const details = message.reasoning_details!;
  assert.deepEqual(
    details.map(({ signature, data }) => (signature ?? data)!.slice(0, 7)),
    ['slc1:a:', 'slc1:a:'],
  );
  const turns = [wish, { role: 'assistant', ...message }, said];

  // The simulator refuses thinking that it has not signed, letter by letter.
  const home = await chat('a/claude-sim', turns);
  assert.equal(home.dropped, null);
  assert.match(lastSent(), /"thinking","thinking":"I see\."/);
  assert.match(lastSent(), /redacted_thinking/);

  const other = await chat('b/claude-sim', turns);
  assert.match(other.dropped!, /messages\[\]\.reasoning_content/);
  assert.match(other.dropped!, /messages\[\]\.reasoning_details/);
  assert.doesNotMatch(lastSent(), /slc1|"type":"thinking"|redacted_thinking|sim-sig/);

  // In the client's own dialect bytes pass, but for what is nobody's business there.
  await chat('o/gpt-sim', turns);
  assert.doesNotMatch(lastSent(), /slc1|reasoning_details|sim-sig/);
  assert.match(lastSent(), /I see\./);
});

test('a stream marks what it proves in the same way', async () => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'a/claude-sim', messages: [wish], reasoning_effort: 'high', stream: true }),
  });
  const text = await response.text();
  assert.match(text, /"signature":"slc1:a:sim-sig-/);
  assert.match(text, /"data":"slc1:a:sim-redacted-/);
});
