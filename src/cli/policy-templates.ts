/** What `sluice new policy` writes, by file. */
export const policyTemplates = (name: string): Readonly<Record<string, string>> => ({
  'index.ts': code(name),
  'index.test.ts': test(name),
  'README.md': page(name),
});

const code = (name: string) => `import { definePolicy, Type } from 'sluice/policy';

/** Tells the upstream whose call it is. */
export default definePolicy({
  name: '${name}',
  description: 'tells the upstream which team calls',
  schema: Type.Object({
    header: Type.String({ minLength: 1, description: 'The header that says it.' }),
  }),
  writes: ['request'],
  onHead(call, { settings }) {
    if (call.consumer === null) return call.refuse(401, '${name}/nobody', 'Say who you are.');
    call.upstreamHeaders.set(settings.header, call.consumer.team);
  },
});
`;

const test = (name: string) => `import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPolicyTest, type PolicyTest } from 'sluice/policy/testing';
import policy from './index.ts';

let gateway: PolicyTest;
before(async () => {
  const consumer = { project: 'web', team: 'red' };
  gateway = await startPolicyTest(policy, { settings: { header: 'x-team' }, consumer });
});
after(() => gateway.stop());

test('the upstream is told which team calls', async () => {
  const answer = await gateway.fetch('/orders');
  assert.equal(answer.status, 200);
  const { headers } = (await answer.json()) as { headers: Record<string, string> };
  assert.equal(headers['x-team'], 'red');
});

test('so is a model, whichever dialect its client speaks', async () => {
  for (const dialect of ['openai-chat', 'anthropic-messages', 'gemini-generate']) {
    const { status, text } = await gateway.chat({ dialect, answer: ['Hello', ', red'] });
    assert.deepEqual([status, text], [200, 'Hello, red']);
  }
});

test('nobody is refused', async (t) => {
  const strangers = await startPolicyTest(policy, { settings: { header: 'x-team' }, consumer: null });
  t.after(() => strangers.stop());
  const answer = await strangers.fetch('/orders');
  assert.equal(answer.status, 401);
  assert.equal(((await answer.json()) as { code: string }).code, '${name}/nobody');
});
`;

const page = (name: string) => `# ${name}

Tells the upstream which team calls.

\`\`\`yaml
policies:
  - key-auth: {}
  - ${name}: { header: x-team }
\`\`\`

| setting | means |
|---|---|
| \`header\` | the header that says it |

A call of nobody is refused: 401, \`${name}/nobody\`. Put a policy that authenticates before it.
`;
