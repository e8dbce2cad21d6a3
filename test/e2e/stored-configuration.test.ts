import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../harness/gateway-process.ts';

interface ConfigRead {
  readonly text: string;
  readonly master: string;
  readonly storedVersion: number | null;
}

const page = (text: string) => `
routes:
  - { name: page, match: { path: /page }, to: { static: { body: '${text}' } }, policies: [] }
`;

test('started without a file, the environment is the master until a document is applied, and then the store is', async (t) => {
  const gateway = await startGatewayProcess({
    file: null,
    env: { ANTHROPIC_API_KEY: 'sk-of-the-environment' },
  });
  t.after(() => gateway.remove());
  const write = (text: string) => writeFileSync(join(gateway.folder, 'new.yaml'), text);
  const read = async () => (await (await gateway.admin('/v1/config')).json()) as ConfigRead;
  const shown = async () => (await fetch(`${gateway.url}/page`)).text();
  assert.equal((await read()).master, 'environment');

  write(`${page('one')}providers: { a: { kind: anthropic, apiKey: '\${env:ANTHROPIC_API_KEY}' } }\n`);
  const tried = await gateway.sluice('apply', 'new.yaml', '--dry-run');
  assert.equal(tried.code, 0, tried.err);
  assert.match(tried.out, /^\+ routes\[page\]: \{"name":"page"/m);
  assert.match(tried.out, /^- routes\[llm\]/m);
  assert.match(tried.out, /nothing was changed/);
  assert.equal((await read()).master, 'environment');

  const applied = await gateway.sluice('apply', 'new.yaml', '--comment', 'the first');
  assert.match(applied.out, /version 1 is in force\n$/, applied.err);
  assert.equal(await shown(), 'one');
  const now = await read();
  assert.deepEqual([now.master, now.storedVersion], ['store', 1]);
  assert.ok(now.text.includes('${env:ANTHROPIC_API_KEY}'));

  write(page('two'));
  const lost = await gateway.sluice('apply', 'new.yaml', '--if-version', '0');
  assert.equal(lost.code, 1);
  assert.match(lost.err, /answered 412: Version 0 is not the latest any more: 1 is/);
  assert.equal(await shown(), 'one');
  assert.equal((await gateway.sluice('apply', 'new.yaml', '--if-version', '1')).code, 0);
  assert.equal(await shown(), 'two');

  // Secrets are references, what is of the start is said at the start, and what is wrong is refused whole.
  for (const [bad, why] of [
    [
      'providers: { a: { kind: anthropic, apiKey: sk-literal } }',
      /document:1:\d+: providers\.a\.apiKey: is a secret.*\$\{env:NAME\}/,
    ],
    [
      'providers: { a: { kind: ollama, headers: { authorization: Bearer x, x-region: eu } } }',
      /headers\.authorization: is a secret/,
    ],
    ['storage: { postgres: { url: "${env:NOWHERE}" } }', /NOWHERE/],
    ['state: elsewhere', /document:1:1: state: is said at the start/],
    ['routes: [{ name: x }]', /routes\[0\].*match/],
    ['routes: [', /document.*/],
  ] as const) {
    write(bad);
    const refused = await gateway.sluice('apply', 'new.yaml');
    assert.equal(refused.code, 1, bad);
    assert.match(refused.err, why);
    assert.ok(!refused.err.includes('sk-literal') && !refused.out.includes('sk-literal'));
  }
  assert.equal((await read()).storedVersion, 2);

  await gateway.end();
  await gateway.start();
  assert.equal(await shown(), 'two');
  const back = await gateway.sluice('config', 'rollback', '1');
  assert.match(back.out, /version 3 is in force/, back.err);
  assert.equal(await shown(), 'one');
  const history = await gateway.sluice('config', 'history');
  assert.match(history.out, /3 .* as version 1\n.*2 .*\n.*1 .* the first\n/);
  const exported = await gateway.sluice('export');
  writeFileSync(join(gateway.folder, 'exported.yaml'), exported.out);
  assert.equal((await gateway.sluice('diff', 'exported.yaml')).out, 'no differences\n');
  assert.equal((await gateway.sluice('export', '--at-version', '2')).out, page('two'));
});

test('where a file is the master, applying is refused with the changes to make there', async (t) => {
  const file = {
    routes: [{ name: 'page', match: { path: '/page' }, to: { static: { body: 'one' } }, policies: [] }],
    providers: { a: { kind: 'anthropic', apiKey: 'sk-literal' } },
  };
  const gateway = await startGatewayProcess({ file });
  t.after(() => gateway.remove());
  writeFileSync(join(gateway.folder, 'new.yaml'), page('two'));
  const found = await gateway.sluice('diff', 'new.yaml');
  assert.match(found.out, /^~ routes\[page\]\.to\.static\.body: "one" → "two"$/m);
  assert.match(found.out, /^- providers: \{"a":\{"kind":"anthropic","apiKey":"\[hidden\]"\}\}$/m);
  const refused = await gateway.sluice('apply', 'new.yaml');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /answered 409: The configuration is mastered by its file .*sluice\.yaml/);
  assert.match(refused.err, /^~ routes\[page\]\.to\.static\.body: "one" → "two"$/m);
  assert.equal((await gateway.sluice('config', 'history')).code, 1);
  assert.equal(await (await fetch(`${gateway.url}/page`)).text(), 'one');
});

test('security 45: killed while documents are applied, a node comes back with a whole one, and with all it has confirmed', async (t) => {
  const gateway = await startGatewayProcess({ file: null });
  t.after(() => gateway.remove());
  let confirmed = 0;
  const put = async (version: number): Promise<number> => {
    const answer = await gateway.admin('/v1/config', {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'if-match': `"${version}"` },
      body: JSON.stringify({ text: `${page(String(version + 1))}# ${'x'.repeat(200_000)}\n` }),
    });
    return ((await answer.json()) as { version: number }).version;
  };
  for (let round = 0; round < (process.env['SLUICE_LONG'] ? 30 : 3); round++) {
    const applying = (async () => {
      for (;;) confirmed = await put(confirmed);
    })();
    await Promise.race([
      applying.catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 300 + round * 137)),
    ]);
    await gateway.end('SIGKILL');
    await applying.catch(() => undefined);
    await gateway.start();
    const read = (await (await gateway.admin('/v1/config')).json()) as ConfigRead;
    const version = read.storedVersion!;
    assert.ok(version === confirmed || version === confirmed + 1, `${version} after ${confirmed}`);
    assert.equal(await (await fetch(`${gateway.url}/page`)).text(), String(version));
    confirmed = version;
  }
  assert.ok(confirmed > 3, String(confirmed));
});
