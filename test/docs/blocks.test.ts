import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figures } from '../../bench/figures/index.ts';
import { parseOptions } from '../../bench/options.ts';
import { variants } from '../../bench/variants/index.ts';
import { policyKinds } from '#policies/index.ts';
import { blocksOf } from '../harness/snippets.ts';
import { fencesOf, pages, servedPages } from './pages.ts';

const fences = pages.flatMap(fencesOf);

/** What runs the blocks of a page, by page and language: the test of that name. */
const runBy: Readonly<Record<string, string>> = {
  'README.md sh': 'readme.test.ts',
  'README.md js': 'readme.test.ts',
  'README.md yaml': 'readme.test.ts',
  // The same blocks, which readme.test.ts holds them to.
  'README.zh-CN.md sh': 'readme.test.ts',
  'README.zh-CN.md js': 'readme.test.ts',
  'README.zh-CN.md yaml': 'readme.test.ts',
  ...Object.fromEntries(servedPages.map((page) => [`${page} yaml`, 'pages.test.ts'])),
  'docs/access.md text': 'exchange-rules.test.ts',
  'src/policies/basic-auth/README.md sh': 'index.test.ts',
  'src/policies/hmac-auth/README.md http': 'index.test.ts',
  'docs/configuration.md text': 'configuration-errors.test.ts',
  'docs/listeners.md yaml': 'listeners.test.ts',
  'docs/destinations.md yaml': 'destinations.test.ts',
  'docs/matching.md yaml': 'matching.test.ts',
  'docs/graphql.md yaml': 'over-http.test.ts',
  'docs/graphql.md json': 'over-http.test.ts',
  'docs/http2.md yaml': 'http2.test.ts',
  'docs/importing.md sh': 'openapi.test.ts',
  'docs/validation.md yaml': 'validate.test.ts',
  'docs/validation.md json': 'validate.test.ts',
  'docs/retries.md yaml': 'retries-page.test.ts',
  'docs/upstreams.md yaml': 'upstreams-page.test.ts',
  'docs/admin-api.md sh': 'pages.test.ts',
  'docs/cluster.md yaml': 'cluster-configuration.test.ts',
  'docs/redis.md yaml': 'redis-gateways.test.ts',
  'docs/secrets.md yaml': 'sources.test.ts',
  'docs/cloud-providers.md yaml': 'cloud-providers.test.ts',
  'docs/discovery.md yaml': 'discovery-page.test.ts',
  'docs/usage-api.md sh': 'own-usage.test.ts',
  'docs/usage-api.md json': 'own-usage.test.ts',
  'docs/writing-policies.md ts': 'writing-policies.test.ts',
  'docs/writing-policies.md yaml': 'writing-policies.test.ts',
  'docs/writing-policies.md sh': 'writing-policies.test.ts',
  'simulator/README.md ts': 'simulator.test.ts',
  'bench/README.md sh': 'blocks.test.ts',
  'ARCHITECTURE.md text': 'nothing: it is a drawing',
};

test('each fenced block of each page is run by a test', () => {
  assert.ok(fences.length >= 20, String(fences.length));
  const orphans = fences.filter(({ page, language }) => {
    // pages.test.ts goes over all folders of policies.
    if (/^src\/policies\/[\w-]+\/README\.md$/.test(page) && language === 'yaml') return false;
    return !runBy[`${page} ${language}`];
  });
  assert.deepEqual(
    orphans.map(({ at, language }) => `${at} (${language || 'no language'})`),
    [],
  );
  const present = new Set(fences.map(({ page, language }) => `${page} ${language}`));
  for (const entry of Object.keys(runBy)) assert.ok(present.has(entry), `${entry}: there is none any more`);
});

test('each policy has a page with an example of itself', () => {
  for (const kind of policyKinds.keys()) {
    const own = blocksOf(`src/policies/${kind}/README.md`, 'yaml');
    assert.ok(
      own.some((text) => text.includes(`- ${kind}:`)),
      kind,
    );
  }
});

test('the benchmark understands each of its lines', () => {
  const lines = blocksOf('bench/README.md', 'sh').flatMap((text) => text.trim().split('\n'));
  assert.ok(lines.length >= 5);
  const knownFigures = new Set(figures.map(({ name }) => name));
  const knownVariants = new Set(variants.map(({ name }) => name));
  for (const line of lines) {
    const [, args] = /^npm run bench(?: -- (.*?))?(?:\s+#.*)?$/.exec(line) ?? assert.fail(line);
    if (args === '--help') continue;
    const { only, variants: chosen } = parseOptions(args?.split(' ') ?? []);
    for (const name of only) assert.ok(knownFigures.has(name), `${line}: ${name}`);
    for (const name of chosen) assert.ok(knownVariants.has(name), `${line}: ${name}`);
  }
});
