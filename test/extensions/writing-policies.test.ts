import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { parse } from 'yaml';
import { definePolicy, Type } from 'sluice/policy';
import { startPolicyTest } from 'sluice/policy/testing';
import { chatDialects } from '#dialects/index.ts';
import { startSimulator } from '../../simulator/server.ts';
import { registerUrl } from '../../src/workbench/register-url.ts';
import { run } from '../../src/cli/run.ts';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { blocksOf } from '../harness/snippets.ts';
import blockWords from '../../examples/policies/block-words.ts';
import claimHeader from '../../examples/policies/claim-header.ts';
import teamLimit from '../../examples/policies/team-limit.ts';

const page = 'docs/writing-policies.md';
const folder = mkdtempSync(join(tmpdir(), 'sluice-writing-'));
after(() => rmSync(folder, { recursive: true }));

test('the page shows the examples as they are', () => {
  const shown = new Set<string>();
  for (const block of blocksOf(page, 'ts')) {
    const [, file] = /^\/\/ (examples\/policies\/[\w-]+\.ts)\n/.exec(block) ?? [];
    if (file === undefined) continue;
    assert.equal(block.replace(/^.*\n/, ''), readFileSync(file, 'utf8'));
    shown.add(file.split('/').at(-1)!);
  }
  assert.deepEqual(
    [...shown].sort(),
    readdirSync('examples/policies')
      .filter((file) => file.endsWith('.ts'))
      .sort(),
  );
});

test('claim-header: the upstream hears of the claim, and of nothing that a client says of it', async (t) => {
  const settings = { claim: 'tenant', header: 'X-Tenant', required: true };
  const gateway = await startPolicyTest(claimHeader, { settings, claims: { tenant: 'acme' } });
  t.after(() => gateway.stop());
  const answer = await gateway.fetch('/orders', { headers: { 'x-tenant': 'forged' } });
  const { headers, path } = (await answer.json()) as { headers: Record<string, string>; path: string };
  assert.deepEqual([headers['x-tenant'], path], ['acme', '/orders']);
  const nobody = await startPolicyTest(claimHeader, { settings });
  t.after(() => nobody.stop());
  const refused = await nobody.fetch('/orders');
  assert.deepEqual(
    [refused.status, ((await refused.json()) as { code: string }).code],
    [403, 'claim/missing'],
  );
});

describe('block-words: a word never leaves, in whatever pieces it comes', () => {
  const words = ['secret', 'Project Nightingale'];
  const answers = [
    [['It is a secret, of course.'], 'It is a '],
    [['It is a s', 'e', 'c', 'ret.'], 'It is a '],
    [[...'the proJECT nightingale flies'], 'the '],
    [['sec', 'ond and secre', 'tary'], 'second and '],
    [['nothing of it: secre', 'cy', ' project', ' n'], 'nothing of it: secrecy project n'],
  ] as const;
  const providers = process.env['SLUICE_LONG']
    ? chatDialects.map(({ name }) => name)
    : ['openai-chat', 'anthropic-messages', 'bedrock-converse'];
  for (const provider of providers) {
    test(`of ${provider}, to clients of every dialect`, async (t) => {
      const gateway = await startPolicyTest(blockWords, { settings: { words }, provider });
      t.after(() => gateway.stop());
      for (const { name: dialect } of chatDialects)
        for (const [answer, shown] of answers)
          for (const stream of [true, false]) {
            const got = await gateway.chat({ dialect, stream, answer });
            const which = `${provider} → ${dialect}, ${stream ? 'streamed' : 'whole'}: ${answer.join('|')}`;
            assert.equal(got.status, 200, which);
            assert.equal(got.text, shown, which);
            assert.ok(!/secret|nightingale/i.test(got.raw), which);
            const isCut = shown !== answer.join('');
            assert.notEqual(got.finish, null, which);
            const { outcome, notes } = await gateway.receipt(got);
            assert.equal(outcome, isCut ? 'guardrail_cut' : 'completed', which);
            assert.deepEqual(notes, isCut ? { 'block-words.blocked': true } : {}, which);
          }
    });
  }
});

test('team-limit: long conversations of a team have a limit of their own', async (t) => {
  const settings = { turns: 2, rate: '2/h', rates: { research: '100/h' } };
  const ask = async (team: string) => {
    const gateway = await startPolicyTest(teamLimit, { settings, consumer: { project: 'p', team } });
    t.after(() => gateway.stop());
    const turns = [1, 2, 3].map((i) => ({ role: 'user' as const, content: `turn ${i}` }));
    const long = () => gateway.chat({ messages: turns }).then(({ status }) => status);
    const short = () => gateway.chat().then(({ status }) => status);
    return [await long(), await long(), await long(), await short()];
  };
  assert.deepEqual(await ask('shop'), [200, 200, 429, 200]);
  assert.deepEqual(await ask('research'), [200, 200, 200, 200]);
});

test('what a policy logs and how it fails is told to its test, with the place', async (t) => {
  const policy = definePolicy({
    name: 'talks',
    schema: Type.Object({}),
    onHead(call, { log }) {
      log('somebody asks', { path: call.request.path, '\n': 'x'.repeat(9000) });
      if (call.request.header('x-fail')) throw new RangeError('not that one');
    },
  });
  const gateway = await startPolicyTest(policy);
  t.after(() => gateway.stop());
  assert.equal((await gateway.fetch('/a')).status, 200);
  assert.equal((await gateway.fetch('/b', { headers: { 'x-fail': '1' } })).status, 500);
  const [first, second, failure] = gateway.log as { policy: string; message: string; stack: string }[];
  assert.deepEqual(
    [first!.policy, first!.message, second!.message],
    ['talks', ...Array(2).fill('somebody asks')],
  );
  assert.ok(JSON.stringify(first).length < 5000);
  assert.equal(failure!.message, 'policy "talks", onHead: not that one');
  assert.match(failure!.stack, /writing-policies\.test\.ts:\d+/);
});

test('settings of a test are held to the schema', async () => {
  await assert.rejects(
    startPolicyTest(claimHeader, { settings: { claim: 'x', heder: 'y' } }),
    /unknown key "heder"; did you mean "header"\?/,
  );
});

test('examples/policies: its configuration is served, and does what it is there for', async (t) => {
  const simulator = await startSimulator({ port: 0 });
  t.after(() => simulator.close());
  const document = parse(readFileSync('examples/policies/sluice.yaml', 'utf8')) as Record<string, object>;
  const { openai } = document['providers'] as { openai: object };
  const gateway = await startTestGateway({
    simulator,
    config: {
      ...document,
      policyFolder: resolve('examples/policies'),
      providers: { openai: { ...openai, baseUrl: `${simulator.url}/v1` } },
      prices: {},
    },
    env: { OPENAI_API_KEY: 'sk-x', WEB_KEY: 'key-of-web-0123456789', LAB_KEY: 'key-of-lab-0123456789' },
  });
  t.after(() => gateway.stop());
  const chat = async (who: string, script: object, more: object[] = []) => {
    const messages = [...more, { role: 'user', content: `simulate:${JSON.stringify(script)}` }];
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer key-of-${who}-0123456789`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5', stream: true, messages }),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const { status, text } = await chat('web', { text: 'All about Project Nightingale, at last.' });
  assert.equal(status, 200);
  assert.ok(text.includes('[DONE]') && !/nightingale/i.test(text) && /content_filter/.test(text), text);
  const before = [1, 2].map((i) => ({ role: 'user', content: `turn ${i}` }));
  const statuses = [];
  for (const who of ['web', 'web', 'web', 'lab', 'lab', 'lab'])
    statuses.push((await chat(who, { text: 'ok' }, before)).status);
  assert.deepEqual(statuses, [200, 200, 429, 200, 200, 200]);
});

test('`sluice new policy`: what it writes passes as it is, and the page’s lines run as they stand', async () => {
  const lines = blocksOf(page, 'sh')[0]!
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/\s*#.*/, '')
        .split(' ')
        .slice(1),
    );
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const { code, out, err } = await spawnSluice(line, { cwd: folder });
    assert.equal(code, 0, `${line.join(' ')}: ${out}${err}`);
    if (line[0] === 'test-policies') assert.match(out, /pass 3/);
  }
  for (const name of ['team-header', 'Team', 'key-auth'])
    assert.equal(await run(['new', 'policy', name, '--folder', join(folder, 'policies')]), 1, name);
  const [block] = blocksOf(page, 'yaml');
  const base =
    'providers: { simulated: {} }\nroutes: [{ name: llm, match: { path: /v1/** }, to: { llm: {} } }]\n';
  writeFileSync(join(folder, 'sluice.yaml'), base + block!);
  const schema = await spawnSluice(['schema'], { cwd: folder });
  assert.ok(schema.out.includes('"team-header"'), schema.err);
});

test('the page’s test of its own runs, and prints what it says', () => {
  const block = blocksOf(page, 'ts').find((text) => text.includes('sluice/policy/testing'))!;
  cpSync('examples/policies/block-words.ts', join(folder, 'block-words.ts'));
  writeFileSync(join(folder, 'page.ts'), block);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const options = ['--conditions=source', '--import', registerUrl, 'page.ts'];
  const { stdout, stderr } = spawnSync(process.execPath, options, { cwd: folder, encoding: 'utf8' });
  assert.match(stdout, /^200 It is a  content-filter$/m, stderr);
});
