import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { figures } from '../../bench/figures/index.ts';
import { parseOptions } from '../../bench/options.ts';
import { variants } from '../../bench/variants/index.ts';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { catalog } from '#providers/catalog/index.ts';
import { policyKinds } from '#policies/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import { blocksOf, pages, type Block } from './pages.ts';

const blocks = pages.flatMap(blocksOf);
const env = new Proxy<Record<string, string>>({}, { get: (_, name) => `value-of-${String(name)}` });

/** What runs the blocks of a page that are no configuration, by page and language; the test of that name does it. */
const runBy: Readonly<Record<string, string>> = {
  'README.md sh': 'readme.test.ts',
  'README.md js': 'readme.test.ts',
  'README.zh-CN.md sh': 'readme.test.ts',
  'README.zh-CN.md js': 'readme.test.ts',
  'docs/admin-api.md sh': 'pages.test.ts',
  'simulator/README.md ts': 'simulator.test.ts',
  'bench/README.md sh': 'below',
  'docs/configuration.md text': 'configuration-errors.test.ts',
  'ARCHITECTURE.md text': 'a drawing',
};

test('each fenced block of each page is run by a test', () => {
  assert.ok(blocks.length >= 20, String(blocks.length));
  const orphans = blocks.filter(({ page, language }) => language !== 'yaml' && !runBy[`${page} ${language}`]);
  assert.deepEqual(
    orphans.map(({ at, language }) => `${at} (${language || 'no language'})`),
    [],
  );
});

/** Pages of policies show their part only; the rest is what any configuration has. */
function wholeDocument({ text, page }: Block): string {
  if (!page.startsWith('src/policies/')) return text.replace('${file:secrets/openai-eu}', '${env:FILE}');
  const rest = {
    version: 1,
    providers: { openai: { apiKey: 'sk-x' } },
    models: { fast: { targets: ['openai/gpt-5-mini'] } },
    routes: [{ name: 'llm', match: { path: '/v1/**' }, to: { llm: {} } }],
    teams: { shop: {} },
    projects: { web: { team: 'shop' } },
  };
  return stringify({ ...rest, ...(parse(text) as object) });
}

for (const block of blocks.filter(({ language }) => language === 'yaml'))
  test(`${block.at} is a configuration, and its policies can be made`, () => {
    const text = wholeDocument(block);
    const document = parseConfig(text, { env, path: null, policySchemas });
    const prices = { find: () => null, all: () => ({}) };
    const scope = { catalog, prices, version: 1, text, source: block.page, nowMs: 0 };
    const { snapshot } = resolveConfig(document, scope);
    const unused = () => assert.fail('nothing is called when a policy is made');
    for (const { kind, instance, settings } of snapshot.routes.flatMap((route) => route.policies)) {
      const services = {
        instance,
        keys: { find: unused },
        counters: { reserve: unused, settle: unused, debit: unused },
        clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
      };
      assert.ok(policyKinds.get(kind)?.create(settings, services).summary);
    }
  });

test('each policy has a page with an example of itself', () => {
  for (const kind of policyKinds.keys()) {
    const own = blocksOf(`src/policies/${kind}/README.md`).filter(({ language }) => language === 'yaml');
    assert.ok(
      own.some(({ text }) => text.includes(`- ${kind}:`)),
      kind,
    );
  }
});

test('the benchmark understands each of its lines', () => {
  const lines = blocksOf('bench/README.md').flatMap(({ text }) => text.trim().split('\n'));
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
