/** What a newcomer types, in the order of the page, in a folder as a checkout is: every block and every command line. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCheckout, type Checkout, type Started } from './checkout.ts';
import { blockOf, blocksOf, pages, spansOf } from './pages.ts';

const anyPorts = { SLUICE_PORT: '0', SLUICE_ADMIN_PORT: '0' };

/** Pages name the usual ports; the test takes free ones. */
const atPorts = (text: string, { url, adminUrl }: Started) =>
  text.replaceAll('http://127.0.0.1:8080', url).replaceAll('http://127.0.0.1:9080', adminUrl);

/** The text that a stream of chat completions has, and whether it came to its end. */
function readStream(stream: string) {
  const data = [...stream.matchAll(/^data: (.*)$/gm)].map((match) => match[1]!);
  assert.equal(data.at(-1), '[DONE]', stream);
  return data
    .slice(0, -1)
    .map(
      (json) =>
        (JSON.parse(json) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? '',
    )
    .join('');
}

async function runScript(checkout: Checkout, text: string): Promise<string> {
  writeFileSync(join(checkout.folder, 'mine/try.mjs'), text);
  const ran = await checkout.run(`'${process.execPath}' mine/try.mjs`);
  assert.equal(ran.code, 0, ran.err);
  return ran.out;
}

test('started without anything: the blocks of both READMEs, and what the banner says', async (context) => {
  const checkout = makeCheckout(context);
  const gateway = await checkout.startGateway('npm start', anyPorts);
  for (const page of ['README.md', 'README.zh-CN.md']) {
    const [start, curl, tests] = blocksOf(page).filter(({ language }) => language === 'sh');
    assert.equal(start?.text, 'npm ci && npm start\n');
    assert.equal(tests?.text, 'npm ci && npm test\n');
    const { code, out } = await checkout.run(atPorts(curl!.text, gateway));
    assert.equal(code, 0);
    assert.match(readStream(out), /simulated/i);
    assert.match(await runScript(checkout, atPorts(blockOf(page, 'js').text, gateway)), /simulated/i);
  }
  const printed = /Try it:\n\n([^]*?)\n\n {2}or with the openai SDK:\n\n([^]*)$/.exec(gateway.banner);
  assert.ok(printed, gateway.banner);
  assert.match(readStream((await checkout.run(printed[1]!)).out), /simulated/i);
  assert.match(await runScript(checkout, `import OpenAI from 'openai';\n${printed[2]}`), /simulated/i);

  const status = await checkout.run(atPorts(blockOf('docs/admin-api.md', 'sh').text, gateway));
  assert.equal((JSON.parse(status.out) as { ready: boolean }).ready, true, status.out);
  for (const path of ['/healthz', '/readyz', '/metrics'])
    assert.equal((await fetch(gateway.adminUrl + path)).status, 200, path);
  assert.equal(await gateway.stop('Ctrl-C'), 0);
  // What was streamed above is what the ledger has.
  const verified = await checkout.run('npm run --silent sluice -- ledger verify');
  assert.match(verified.out, /^6 receipts, 6 attempts: everything adds up\n$/, verified.err);
});

test('the README’s configuration: each command line of the pages, as it stands there', async (context) => {
  const checkout = makeCheckout(context);
  const env = { OPENAI_API_KEY: 'sk-none' };
  writeFileSync(join(checkout.folder, 'sluice.yaml'), blockOf('README.md', 'yaml').text);
  const ports = '--port 0 --admin-port 0';
  const gateway = await checkout.startGateway(`npm start -- --config sluice.yaml ${ports}`, env);
  const explained =
    /-> {2}llm[^]*key-auth[^]*model-access[^]*rate-limit[^]*local[^]*qwen3[^]*openai[^]*gpt-5-mini/;
  /** Lines of the pages, what stands in for a place or a choice, and what they print. */
  const expected: Record<
    string,
    readonly [printed: RegExp, ...change: readonly (readonly [string, string])[]]
  > = {
    'npm run sluice -- check sluice.yaml': [/^sluice.yaml is good$/m],
    'npm run sluice -- explain POST /v1/chat/completions --model fast': [explained],
    'npm run sluice -- keys list': [/kept in/],
    'npm start -- --config sluice.yaml': [/listens on/],
    'sluice keys create NAME --project P': [/^sk-\S+$/m, ['NAME', 'mine'], ['--project P', '--project web']],
    'sluice check sluice.yaml': [/^sluice.yaml is good$/m],
    'sluice status': [/^ready$/m],
    'sluice explain POST /v1/chat/completions --model fast': [explained],
    'sluice ledger verify': [/everything adds up/],
    'ledger top': [/requests/],
    'ledger top --by team,model': [/team +model/],
    'ledger export --format csv|jsonl --from 2026-11-01': [/^receipt|^exchange|^time/m, ['csv|jsonl', 'csv']],
    'sluice start --config sluice.yaml --state /var/lib/sluice': [
      /listens on/,
      ['/var/lib/sluice', 'elsewhere'],
    ],
  };
  const written = pages
    .filter((page) => !/decisions|CHANGELOG|CONTRIBUTING|ARCHITECTURE|bench|performance|faults/.test(page))
    .flatMap(spansOf)
    .filter((span) => /^(npm run |npm start|sluice [a-z]+ ?|ledger (top|export|verify))/.test(span));
  assert.deepEqual([...new Set(written)].sort(), Object.keys(expected).sort());

  for (const [line, [printed, ...changes]] of Object.entries(expected)) {
    let typed = changes.reduce((text, [from, to]) => text.replace(from, to), line);
    if (/ start /.test(` ${typed} `)) {
      if (typed.startsWith('npm')) continue;
      typed = typed.replace(/^sluice/, 'npm run sluice --');
      const other = await checkout.startGateway(`${typed} ${ports}`, env);
      assert.match(other.banner, printed);
      assert.equal(await other.stop('SIGTERM'), 0);
      continue;
    }
    typed = typed.replace(/^(sluice )?(?!npm )/, 'npm run sluice -- ');
    const { code, out, err } = await checkout.run(typed, env);
    assert.equal(code, 0, `${line}: ${err}`);
    assert.match(out, printed, line);
  }
  assert.equal(await gateway.stop('SIGTERM'), 0);
});
