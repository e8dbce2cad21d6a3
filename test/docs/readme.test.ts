import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { emptyFolder, runShell, startCommand } from '../harness/command.ts';
import { blocksOf, commandsOf } from '../harness/snippets.ts';
import { startSimulator } from '../../simulator/server.ts';

const limits = { timeout: 60_000 };
const pages = ['README.md', 'README.zh-CN.md'];

describe('both READMEs are one page in two languages', () => {
  const [english, chinese] = pages.map((page) => readFileSync(page, 'utf8')) as [string, string];
  /** What is said to the model is said in the reader's language. */
  const neutral = (text: string) => text.replaceAll('你好', 'Say hello');
  const prose = (text: string) => text.replace(/^```.*?^```/gms, '');
  const same = (what: (text: string) => unknown) => assert.deepEqual(what(chinese), what(english));

  test('the same headings, by level', () => same((text) => prose(text).match(/^#+(?= )/gm)));
  test('the same blocks', () => same((text) => neutral(text).match(/^```.*?^```/gms)));
  test('the same items in each list', () => same((text) => prose(text).match(/^- \*\*/gm)?.length));
  test('the same links, but to each other', () =>
    same((text) =>
      [...prose(text).matchAll(/\]\(([^)]+)\)/g)]
        .map((match) => match[1])
        .filter((link) => !link!.startsWith('README'))
        .sort(),
    ));
  test('the same names of things', () => same((text) => [...new Set(prose(text).match(/`[^`]+`/g))].sort()));
});

test('the policies that there are stand on the page, in both languages', () => {
  const kinds = readdirSync('src/policies', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'testing')
    .map((entry) => entry.name);
  for (const page of pages) {
    const named = [...readFileSync(page, 'utf8').matchAll(/src\/policies\/([\w-]+)\/README/g)].map(
      ([, name]) => name,
    );
    assert.deepEqual(named.sort(), kinds.sort(), page);
  }
});

test('npm start is the command that is tested here', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  assert.equal(scripts['start'], 'exec node --conditions=source src/cli/sluice.ts start');
  assert.equal(scripts['sluice'], 'exec node --conditions=source src/cli/sluice.ts');
});

/** Runs a program that imports the official SDK. */
function runProgram(cwd: string, source: string) {
  mkdirSync(join(cwd, 'node_modules'), { recursive: true });
  symlinkSync(resolve('test/clients/node_modules/openai'), join(cwd, 'node_modules/openai'));
  writeFileSync(join(cwd, 'program.mjs'), source);
  return runShell('node program.mjs', { cwd });
}

describe('what a page says to try at once works as it stands', limits, () => {
  const begin = async (t: TestContext) => {
    const cwd = emptyFolder();
    return { cwd, gateway: await startCommand(t, { cwd }) };
  };
  const isWholeStream = (text: string) => {
    assert.match(text, /^data: \{.*"delta"/m);
    assert.ok(text.trimEnd().endsWith('data: [DONE]'), text);
  };

  for (const page of pages) {
    test(`${page}: curl and SDK against a gateway that was just started`, async (t) => {
      const { cwd, gateway } = await begin(t);
      const here = (text: string) => text.replaceAll('http://127.0.0.1:8080', gateway.url);
      const [curl] = blocksOf(page, 'sh').filter((block) => block.startsWith('curl'));
      assert.ok(curl!.includes('http://127.0.0.1:8080'));
      const asked = runShell(here(curl!), { cwd });
      assert.equal(asked.status, 0, asked.err);
      isWholeStream(asked.out);

      const [program, ...others] = blocksOf(page, 'js');
      assert.equal(others.length, 0);
      const ran = runProgram(cwd, here(program!));
      assert.equal(ran.status, 0, ran.err);
      assert.match(ran.out, /simulated/i);
      assert.equal(await gateway.stop(), 0);
    });
  }

  test('the banner: curl and SDK, with nothing changed in them', async (t) => {
    const { cwd, gateway } = await begin(t);
    const text = gateway.banner.replace(/^ {4}/gm, '');
    const curl = /^curl(?:.*\\\n)*.*\n/m.exec(text)?.[0];
    const asked = runShell(curl!, { cwd });
    assert.equal(asked.status, 0, asked.err);
    isWholeStream(asked.out);
    const program = /^const client[^]*/m.exec(text)?.[0];
    const ran = runProgram(cwd, `import OpenAI from 'openai';\n${program}`);
    assert.equal(ran.status, 0, ran.err);
    assert.match(ran.out, /simulated/i);
  });

  test('without a provider it says so, and a provider whose key is there is configured', async (t) => {
    const { gateway } = await begin(t);
    assert.match(gateway.banner, /built-in SIMULATED model answers/);
    const names = readFileSync('README.md', 'utf8')
      .match(/`\w+_API_KEY`/g)!
      .map((name) => name.slice(1, -1));
    const env = Object.fromEntries([
      ...names.map((name) => [name, 'sk-x']),
      ['OLLAMA_HOST', '127.0.0.1:11434'],
    ]) as Record<string, string>;
    const second = await startCommand(t, { cwd: emptyFolder(), env });
    const providers = /Providers +(.*)/.exec(second.banner)![1]!.split(', ');
    assert.equal(providers.length, names.length + 1, second.banner);
    assert.doesNotMatch(second.banner, /SIMULATED/);
  });
});

describe('the configuration of the page', limits, () => {
  test('is served as it stands but for addresses, and its commands say what the page says', async (t) => {
    const cwd = emptyFolder();
    const simulator = await startSimulator({ port: 0 });
    t.after(() => simulator.close());
    const [block, ...others] = blocksOf('README.md', 'yaml');
    assert.equal(others.length, 0);
    // Nothing of a test leaves this machine; and the simulator, unlike a model of one's own, wants a key.
    const text = block!
      .replace('openai: { apiKey', `openai: { baseUrl: '${simulator.url}/v1', apiKey`)
      .replace("'http://127.0.0.1:11434/v1'", `'${simulator.url}/v1', apiKey: sk-local`)
      .replace('http://10.0.0.5:3000', simulator.url);
    writeFileSync(join(cwd, 'sluice.yaml'), text);
    cpSync('sluice.schema.json', join(cwd, 'sluice.schema.json'));
    const env = { OPENAI_API_KEY: 'sk-x' };
    const gateway = await startCommand(t, { cwd, env, args: ['--config', 'sluice.yaml'] });
    const sluice = (line: string) => {
      const ran = runShell(`sluice ${line}`, { cwd, env: { ...env, SLUICE_ADMIN_URL: gateway.adminUrl } });
      assert.equal(ran.status, 0, `${line}: ${ran.out}${ran.err}`);
      return ran.out;
    };

    const made = sluice('keys create tester --project web --json');
    const { secret } = JSON.parse(made) as { secret: string };
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    const chat = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model: 'fast', messages: [{ role: 'user', content: 'hi' }] }),
    });
    assert.equal(chat.status, 200, await chat.text());
    assert.equal(simulator.calls().at(-1)?.model, 'qwen3');
    assert.equal(
      (await fetch(`${gateway.url}/orders/7`, { headers })).headers.get('x-sluice-exchange') !== null,
      true,
    );
    assert.equal((await fetch(`${gateway.url}/orders/7`)).status, 401);

    const commands = commandsOf('README.md');
    assert.deepEqual(commands, [
      'ledger verify',
      'check sluice.yaml',
      'explain POST /v1/chat/completions --model fast',
      'keys list',
      'ledger top',
      'status',
    ]);
    assert.deepEqual(commandsOf('README.zh-CN.md'), commands);
    const said = Object.fromEntries(commands.map((line) => [line, sluice(line)]));
    for (const probe of ['/healthz', '/readyz', '/metrics'])
      assert.equal((await fetch(gateway.adminUrl + probe)).status, 200, probe);
    assert.match(said['keys list']!, /tester/);
    assert.match(said['status']!, /ready|yes/i);
    const explained = said['explain POST /v1/chat/completions --model fast']!;
    for (const word of [
      'llm',
      'key-auth',
      'model-access',
      'rate-limit',
      'local',
      'qwen3',
      'openai',
      'gpt-5-mini',
    ])
      assert.ok(explained.includes(word), `${word} in ${explained}`);
    assert.equal(await gateway.stop(), 0);
    const top = runShell('sluice ledger top && sluice ledger verify', { cwd });
    assert.match(top.out, /qwen3/);
  });
});
