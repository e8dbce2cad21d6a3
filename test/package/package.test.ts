import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
/** Where somebody has installed the package: nothing of this repository is beside it. */
const app = join(folder, 'app');
const installed = join(app, 'node_modules', 'sluice');
const bin = join(app, 'node_modules', '.bin');
let packed: string[] = [];

/** No variable of ours, and the node that runs this test for the `#!` of the command. */
const env = {
  PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
  HOME: folder,
  NO_COLOR: '1',
};
const sluice = (...args: string[]) =>
  spawnSync('sluice', args, { cwd: app, env, encoding: 'utf8', timeout: 60_000 });

/**
 * Packs as for the registry (`prepack` compiles) and unpacks the tarball into an empty folder as npm does. Only the
 * packages that `dependencies` names are there besides; they are linked from this checkout, so that no registry is needed.
 */
before(() => {
  mkdirSync(installed, { recursive: true });
  mkdirSync(bin);
  const pack = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { encoding: 'utf8' });
  assert.equal(pack.status, 0, pack.stdout + pack.stderr);
  const tarball = join(folder, `sluice-${manifest.version}.tgz`);
  const listed = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' });
  packed = listed.stdout.trim().split('\n');
  const unpacked = spawnSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed], {
    encoding: 'utf8',
  });
  assert.equal(unpacked.status, 0, unpacked.stderr);
  for (const name of Object.keys(manifest.dependencies)) {
    const place = join(app, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(resolve('node_modules', name), place);
  }
  for (const [name, path] of Object.entries(manifest.bin))
    symlinkSync(join('..', 'sluice', path), join(bin, name));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the package, installed from its tarball', { timeout: 120_000 }, () => {
  test('has what runs and what is to be read, and no source, test or secret', () => {
    const wanted = [
      'bin/sluice.js',
      'dist/cli/sluice.js',
      'dist/worker.js',
      'dist/console/index.html',
      'sluice.schema.json',
      'package.json',
    ];
    for (const name of [...wanted, 'README.md', 'README.zh-CN.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE'])
      assert.ok(packed.includes(`package/${name}`), name);
    const types =
      /^package\/dist\/(?:extensions\/(?:policy|policy-\w+|text-hold)|workbench\/policy-testing)\.d\.ts$/;
    assert.equal(packed.filter((name) => types.test(name)).length, 6);
    const rest = packed.filter((name) => !types.test(name));
    const others = rest.filter((name) => !/^package\/(?:dist\/.*\.js|dist\/console\/(?:index\.html|assets\/[\w.-]+)|bin\/sluice\.js|[\w.-]+)$/.test(name));
    assert.deepEqual(others, []);
    assert.deepEqual(
      rest.filter((name) => /\.test\.|\/testing\/|\.ts$|\.env|\.sluice/.test(name)),
      [],
    );
  });

  test('its command says its version', () => {
    const { stdout, stderr } = sluice('--version');
    assert.equal(stdout.trim(), manifest.version, stderr);
  });

  test('`sluice check` takes a good configuration and names what is wrong with another', () => {
    const file = join(app, 'sluice.yaml');
    const text =
      'version: 1\nproviders:\n  simulated: {}\nroutes:\n  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }\n';
    writeFileSync(file, text);
    const good = sluice('check', 'sluice.yaml');
    assert.equal(good.status, 0, good.stdout + good.stderr);
    writeFileSync(file, text.replace('providers', 'provider'));
    const bad = sluice('check', 'sluice.yaml');
    assert.equal(bad.status, 1);
    assert.match(bad.stdout + bad.stderr, /sluice\.yaml:2:1: .*did you mean "providers"\?/);
    rmSync(file);
  });

  test('`sluice start` without anything serves a streamed completion, and its ledger is right', async () => {
    const args = ['start', '--port', '0', '--admin-port', '0', '--threads', '1', '--state', 'state'];
    const child = spawn('sluice', args, { cwd: app, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const closed = once(child, 'close') as Promise<[number | null]>;
    try {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      while (!said.includes('Try it:') && child.exitCode === null) await once(child.stderr, 'data');
      const url = /Sluice listens on (http:\S+)/.exec(said)?.[1];
      const key = /Key +(\S+)/.exec(said)?.[1];
      assert.ok(url && key, said);
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'simulated',
          stream: true,
          messages: [{ role: 'user', content: 'Say hello' }],
        }),
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
      assert.ok(text.split('\n\n').length > 3 && text.trimEnd().endsWith('data: [DONE]'), text);
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual((await closed)[0], 0);
    const verified = sluice('ledger', 'verify', '--state', 'state');
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
    const top = sluice('ledger', 'top', '--by', 'model', '--state', 'state');
    assert.match(top.stdout, /simulated/);
  });

  test('a policy of one’s own: written, typed, tested and run, with nothing but the package', async () => {
    const made = sluice('new', 'policy', 'greeting');
    assert.equal(made.status, 0, made.stdout + made.stderr);
    const tested = sluice('test-policies');
    assert.equal(tested.status, 0, tested.stdout + tested.stderr);
    // Installed beside the tests, it is found by its name alone.
    writeFileSync(join(app, 'package.json'), '{"type":"module"}');
    const both = `await import('sluice/policy/testing'); await import('./policies/greeting/index.ts')`;
    const plain = spawnSync(process.execPath, ['--input-type=module', '-e', both], {
      ...{ cwd: app, env, encoding: 'utf8', timeout: 120_000 },
    });
    assert.equal(plain.status, 0, plain.stdout + plain.stderr);

    const settings = { module: 'NodeNext', target: 'ES2024', strict: true, noEmit: true, types: [] };
    const compilerOptions = { ...settings, allowImportingTsExtensions: true };
    writeFileSync(
      join(app, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['policies/greeting/index.ts', 'wrong.ts'] }),
    );
    // Settings have the type that their schema says.
    const code = readFileSync(join(app, 'policies/greeting/index.ts'), 'utf8');
    writeFileSync(join(app, 'wrong.ts'), code.replace('settings.header,', 'settings.heder,'));
    const { stdout } = spawnSync(resolve('node_modules/.bin/tsc'), ['-p', app], { encoding: 'utf8' });
    assert.match(
      stdout,
      /^[^\n]*wrong\.ts\(\d+,\d+\): error TS2551: Property 'heder' does not exist[^\n]*Did you mean 'header'\?\n$/,
    );

    const config =
      'version: 1\npolicyFolder: policies\nproviders: { simulated: {} }\npolicies: [{ greeting: { header: x-team } }]\n' +
      'routes: [{ name: llm, match: { path: /v1/** }, to: { llm: {} } }]\n';
    writeFileSync(join(app, 'sluice.yaml'), config);
    const args = [
      'start',
      '--config',
      'sluice.yaml',
      '--port',
      '0',
      '--admin-port',
      '0',
      '--threads',
      '1',
      '--state',
      'own',
    ];
    const child = spawn('sluice', args, { cwd: app, env, stdio: ['ignore', 'ignore', 'pipe'] });
    const closed = once(child, 'close');
    try {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      while (!said.includes('Providers') && child.exitCode === null) await once(child.stderr, 'data');
      const url = /Sluice listens on (http:\S+)/.exec(said)?.[1];
      assert.ok(url, said);
      // Nobody has authenticated, and so the policy refuses.
      const answer = await fetch(`${url}/v1/models`);
      assert.equal(answer.status, 401);
      assert.match(await answer.text(), /greeting\/nobody/);
    } finally {
      child.kill('SIGTERM');
    }
    await closed;
  });
});
