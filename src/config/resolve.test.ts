import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import type { PriceSchedule } from '#core/price.ts';
import { createModelIndex } from '#core/resolve-model.ts';
import type { HttpRoute, Snapshot } from '#core/snapshot.ts';
import type { ProviderRecord } from '#core/target.ts';
import { parseConfig } from './load.ts';
import { ConfigError } from './problem.ts';
import type { PriceSource } from './resolve-models.ts';
import { resolveConfig, type Resolved } from './resolve.ts';

import { policySchemas } from './testing/policy-schemas.ts';
import { zeroConfiguration } from './zero-configuration.ts';

const record = (name: string, more: Partial<ProviderRecord> = {}): ProviderRecord => ({
  name,
  title: name,
  dialect: 'd',
  baseUrl: `https://${name}.test/v1`,
  credential: { header: 'x-key', prefix: '' },
  variable: `${name.toUpperCase()}_API_KEY`,
  modelPrefixes: [`${name}-`],
  models: [`${name}-1`, 'shared'],
  quirks: { maxTokensField: 'cap' },
  priceList: name,
  source: 'https://docs.test',
  ...more,
});

const catalog = new Map(
  [
    record('alpha'),
    record('beta', { models: ['beta-1', 'shared', 'org/beta-2'] }),
    record('house', {
      baseUrl: 'http://127.0.0.1:7000/v1',
      credential: null,
      variable: 'HOUSE_HOST',
      priceList: null,
    }),
    record('pretend', { baseUrl: 'builtin:pretend', credential: null, variable: null, models: ['pretend'] }),
  ].map((entry) => [entry.name, entry]),
);

const seeded = (version: string): PriceSchedule => [{ version, currency: 'USD', input: 1n, output: 2n }];
const prices: PriceSource = {
  find: (provider, model) => (provider === 'house' ? null : seeded(`seed/${provider}/${model}`)),
  all: (provider) => ({ [`${provider}-unlisted`]: seeded(`seed/${provider}/unlisted`) }),
};

function resolve(text: string): Resolved {
  const document = parseConfig(text, { env: {}, path: null, policySchemas });
  return resolveConfig(document, { catalog, prices, version: 3, text, source: 'sluice.yaml', nowMs: 0 });
}

function refused(text: string): string[] {
  try {
    resolve(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
  }
  assert.fail('the document was taken');
}

const providers = 'providers: { alpha: { apiKey: a }, beta: { apiKey: b } }';
const targetOf = (snapshot: Snapshot, name: string) => {
  const targets = createModelIndex(snapshot).find(name)?.targets;
  return (
    targets
      ?.map(({ provider, model, price }) => `${provider.name} ${model} ${price?.[0]?.version ?? '-'}`)
      .join() ?? null
  );
};

test('every name is looked up, and every error has its place', () => {
  assert.deepEqual(
    refused(`providers:
  alpha: { apiKey: a }
  mine: { dialect: d }
  beta: {}
  x: { kind: alhpa, apiKey: a }
models:
  fast: { targets: [alpha/1, gamma/2] }
  alpha/1: { targets: [alpha/1] }
prices:
  alhpa/1: { input: 1, output: 1 }
projects: { web: { team: shpo } }
teams: { shop: {} }
keys:
  one: { project: wbe, secret: '12345678' }
  two: { project: web, expires: 2027-02-30, secret: '12345678' }
  three: { project: constructor }
routes:
  - { name: r, match: { path: '/**' }, to: { llm: { models: ['a*', alpha-1, nothing] } } }
  - { name: r, match: { host: 'a:1', path: /a/../b }, stripPrefix: /c, to: { http: http://x }, policies: [default, default] }
`).map((line) => line.replace(/; known are.*/, '')),
    [
      '3:9 providers.mine: expected "dialect" and "baseUrl", as no record of the catalogue has this name',
      '4:9 providers.beta: expected "apiKey", such as ${env:BETA_API_KEY}',
      '5:6 providers.x: expected "dialect" and "baseUrl", as no record of the catalogue has this name',
      '5:14 providers.x.kind: unknown kind "alhpa"; did you mean "alpha"?',
      '7:30 models.fast.targets[1]: unknown provider "gamma"',
      '8:12 models.alpha/1: reads as a model of the provider "alpha"; give it another name',
      '10:12 prices.alhpa/1: unknown provider "alhpa"; did you mean "alpha"?',
      '11:26 projects.web.team: unknown team "shpo"; did you mean "shop"?',
      '14:19 keys.one.project: unknown project "wbe"; did you mean "web"?',
      '15:8 keys.two: has the same secret as the key "one"',
      '15:33 keys.two.expires: expected a day such as 2027-01-31 or a time such as 2027-01-31T00:00:00Z, got "2027-02-30"',
      '16:10 keys.three: expected either "secret" or "sha256"',
      '16:21 keys.three.project: unknown project "constructor"',
      '18:61 routes[0].to.llm.models: unknown model "nothing"',
      '19:13 routes[1].name: the name "r" is taken by another route',
      '19:23 routes[1].match: is never reached: the route "r" before it takes all its requests',
      '19:31 routes[1].match.host: expected a host such as api.example.com or *.example.com, without port, got "a:1"',
      '19:44 routes[1].match.path: "/a/../b" can never match: requests have no empty or dot segments and no encoded slashes',
      '19:68 routes[1].stripPrefix: expected the beginning of the path /a/../b, got "/c"',
      '19:106 routes[1].policies: the default list stands in it twice',
    ],
  );
});

test('defaults are what the documentation says', () => {
  const { snapshot, keys } = resolve('');
  assert.deepEqual(keys, []);
  assert.deepEqual(snapshot.listen, [
    {
      id: '127.0.0.1:8080',
      host: '127.0.0.1',
      port: 8080,
      ipv6Only: false,
      trustedProxies: [],
      proxyProtocol: false,
      maxConnections: 0,
      tls: null,
      http2: { maxStreams: 128, websocket: true },
    },
  ]);
  assert.deepEqual(snapshot.admin, { host: '127.0.0.1', port: 9080, hosts: [], probes: null, tls: null });
  assert.deepEqual(snapshot.limits, {
    headerBytes: 32_768,
    bodyBytes: 33_554_432,
    headTimeoutMs: 15_000,
    bodyTimeoutMs: 300_000,
    sendTimeoutMs: 60_000,
  });
  assert.deepEqual(snapshot.drain, { delayMs: 0, graceMs: 30_000 });
  assert.equal(snapshot.version, 3);
  assert.match(snapshot.digest, /^[0-9a-f]{64}$/);
  assert.ok(snapshot.threads >= 1);
});

test('a provider takes from its record what it does not say, and can be sent to a thread', () => {
  const { snapshot } = resolve(`providers:
  alpha: { apiKey: a }
  eu: { kind: alpha, baseUrl: https://eu.test/v1/, apiKey: b, headers: { X-Org: acme }, timeouts: { idle: 5s } }
  mine: { dialect: d, baseUrl: http://10.0.0.1:8000/v1 }`);
  const { alpha, eu, mine } = snapshot.providers;
  assert.deepEqual(alpha?.credential, { header: 'x-key', prefix: '' });
  assert.equal(alpha?.baseUrl, 'https://alpha.test/v1');
  assert.equal(eu?.baseUrl, 'https://eu.test/v1');
  assert.deepEqual(eu?.headers, ['x-org', 'acme']);
  assert.deepEqual(eu?.quirks, { maxTokensField: 'cap' });
  assert.equal(eu?.timeouts.idleMs, 5000);
  assert.equal(mine?.credential, null);
  const clone = structuredClone(snapshot);
  assert.deepEqual(clone, snapshot);
  // Connections are pooled by the provider's identity, which must survive the way to a thread.
  assert.equal(clone.models['alpha/alpha-1']?.targets[0]?.provider, clone.providers['alpha']);
});

test('models: aliases, provider/model, bare names that one provider lists, and open names by prefix', () => {
  const { snapshot } = resolve(`${providers}
models:
  fast: { targets: [alpha/alpha-1, beta/anything] }
  beta-1: { targets: [alpha/alpha-1] }`);
  assert.equal(
    targetOf(snapshot, 'fast'),
    'alpha alpha-1 seed/alpha/alpha-1,beta anything seed/beta/anything',
  );
  assert.equal(
    targetOf(snapshot, 'beta-1'),
    'alpha alpha-1 seed/alpha/alpha-1',
    'an alias goes before a bare name',
  );
  assert.equal(targetOf(snapshot, 'beta/beta-1'), 'beta beta-1 seed/beta/beta-1');
  assert.equal(targetOf(snapshot, 'alpha-1'), 'alpha alpha-1 seed/alpha/alpha-1');
  assert.equal(targetOf(snapshot, 'shared'), null, 'two providers list it');
  assert.equal(targetOf(snapshot, 'beta/shared'), 'beta shared seed/beta/shared');
  assert.equal(targetOf(snapshot, 'org/beta-2'), null, 'it would read as another provider’s');
  assert.equal(targetOf(snapshot, 'beta/org/beta-2'), 'beta org/beta-2 seed/beta/org/beta-2');
  assert.equal(targetOf(snapshot, 'alpha-unlisted'), 'alpha alpha-unlisted seed/alpha/unlisted');
  assert.equal(targetOf(snapshot, 'alpha/new'), 'alpha new -');
  assert.equal(targetOf(snapshot, 'nobody'), null);
  const listed = Object.values(snapshot.models).filter((model) => model.listed);
  assert.deepEqual(
    listed.map((model) => model.name),
    ['fast', 'beta-1', 'alpha-1', 'alpha/shared', 'beta/beta-1', 'beta/shared', 'beta/org/beta-2'],
  );
});

test('a price may have tiers, which inherit, and prices of what is no token', () => {
  const price = (settings: string) =>
    resolve(`${providers}\nprices:\n  alpha/alpha-1: ${settings}`).snapshot.models['alpha-1']?.targets[0]
      ?.price?.[0];
  const own = price(
    "{ input: 1.25, output: 10, cacheRead: 0.125, inputAudio: 40, request: 0.001, units: { searches: 0.01 }, tiers: [{ fromInputTokens: 200001, input: 2.50 }, { fromInputTokens: '1000000', output: 0 }] }",
  );
  assert.deepEqual(own?.units, { searches: 10_000_000n });
  assert.equal(own.inputAudio, 40_000_000_000n);
  const [long, longest] = own.tiers ?? [];
  assert.equal(long?.fromInputTokens, 200_001);
  const { input, output, cacheRead, perRequest, units, version } = long.then;
  assert.deepEqual(
    [input, output, cacheRead, perRequest],
    [2_500_000_000n, 10_000_000_000n, 125_000_000n, 1_000_000n],
  );
  assert.deepEqual(units, own.units);
  assert.equal(version, `${own.version}+200001`);
  assert.deepEqual([longest?.fromInputTokens, longest?.then.output], [1_000_000, 0n]);
  assert.throws(
    () => price('{ input: 1, output: 1, tiers: [{ fromInputTokens: 9 }, { fromInputTokens: 9 }] }'),
    /ascending fromInputTokens, got 9 after 9/,
  );
});

test('what batches cost of list prices stands in the record of the provider', () => {
  const halved = new Map([['alpha', record('alpha', { batchPercent: 50 })]]);
  const text = 'providers: { alpha: { apiKey: k } }';
  const document = parseConfig(text, { env: {}, path: null, policySchemas });
  const scope = { catalog: halved, prices, version: 3, text, source: 'sluice.yaml', nowMs: 0 };
  const { snapshot } = resolveConfig(document, scope);
  for (const name of ['alpha-1', 'alpha/alpha-unlisted']) {
    const [price] = createModelIndex(snapshot).find(name)!.targets[0]!.price!;
    assert.equal(price!.batch!.version, `${price!.version}+batch`);
    assert.deepEqual(
      [price!.batch!.share, price!.batch!.serviceTier],
      [{ numerator: 50n, denominator: 100n }, 'batch'],
    );
  }
  const plain = resolve(providers).snapshot.models['alpha-1']!.targets[0]!.price!;
  assert.equal(plain[0]!.batch, undefined);
});

test('prices of the document go before list prices, exactly, by the million or the thousand', () => {
  const text = `${providers}
prices:
  alpha/alpha-1: { per: thousand, input: 0.06, output: '0.000000001', request: 0.01 }
  beta/*: { input: 1.10, output: 2, currency: EUR }`;
  const { snapshot } = resolve(text);
  const own = snapshot.models['alpha-1']?.targets[0]?.price?.[0];
  assert.equal(own?.input, 60_000_000_000n);
  assert.equal(own?.output, 1000n);
  assert.equal(own?.perRequest, 10_000_000n);
  assert.match(own?.version ?? '', /^config\/[0-9a-f]{12}$/);
  const rest = createModelIndex(snapshot).find('beta/never-heard-of')?.targets[0]?.price?.[0];
  assert.deepEqual([rest?.input, rest?.currency], [1_100_000_000n, 'EUR']);
  const again = resolve(text.replace('0.06', '0.07')).snapshot.models['alpha-1']?.targets[0]?.price?.[0];
  assert.notEqual(again?.version, own?.version);
  assert.equal(snapshot.models['beta-1']?.targets[0]?.price?.[0]?.version, rest?.version);
});

test('upstreams: by name or of a route itself; a server listed twice is one with both shares', () => {
  const { snapshot } = resolve(
    [
      'upstreams: { shop: { targets: [http://a:1/, { url: http://b:2, weight: 3, priority: 1 }, http://a:1] } }',
      'routes:',
      '  - { name: one, match: { path: /one }, to: { upstream: shop } }',
      '  - { name: two, match: { path: /two }, to: { http: http://c:3 } }',
    ].join('\n'),
  );
  const [one, two] = snapshot.routes as HttpRoute[];
  assert.equal(one!.upstream, 'shop');
  assert.deepEqual(snapshot.upstreams['shop']!.members, [
    { id: 'http://a:1', url: 'http://a:1', address: null, weight: 2, priority: 0 },
    { id: 'http://b:2', url: 'http://b:2', address: null, weight: 3, priority: 1 },
  ]);
  assert.equal(snapshot.upstreams[two!.upstream]!.members[0]!.url, 'http://c:3');
  assert.deepEqual(
    refused(
      'upstreams: { shop: { targets: [http://a:1] } }\nroutes:\n  - { name: one, match: { path: /one }, to: { upstream: shpo } }',
    ),
    ['3:57 routes[0].to.upstream: unknown upstream "shpo"; did you mean "shop"?'],
  );
});

test('policies: the default list, a list of its own, and the one inside the other, by stable names', () => {
  const { snapshot } = resolve(`${providers}
policies: [{ key-auth: {} }, { rate-limit: { tokens: 1/min } }, { rate-limit: { tokens: 2/min } }]
routes:
  - { name: a, match: { path: /a }, to: { llm: {} } }
  - { name: b, match: { path: /b }, to: { llm: {} }, policies: [{ model-access: {} }, default, { rate-limit: { tokens: 3/min } }] }
  - { name: c, match: { path: /c }, to: { llm: {} }, policies: [] }`);
  const instances = snapshot.routes.map((route) => route.policies.map((use) => use.instance));
  const standard = ['key-auth/0', 'rate-limit/0', 'rate-limit/1'];
  assert.deepEqual(instances, [standard, ['b/model-access/0', ...standard, 'b/rate-limit/0'], []]);
  assert.deepEqual(snapshot.routes[1]?.policies.at(-1)?.settings, { tokens: '3/min' });
});

test('a gateway is not open because nobody wrote a list', () => {
  const { snapshot } = resolve('routes: [{ name: a, match: { path: /a }, to: { http: http://10.0.0.1 } }]');
  assert.deepEqual(
    snapshot.routes[0]?.policies.map((use) => use.kind),
    ['key-auth', 'model-access'],
  );
});

test('a consumer lends its keys what they do not say themselves', () => {
  const { keys, snapshot } = resolve(`teams: { shop: {} }
projects: { web: { team: shop } }
consumers:
  till: { project: web, groups: [gold, eu], models: ['a*'], priority: 3 }
keys:
  one: { consumer: till, secret: abc-abc-abc }
  two: { consumer: till, secret: abc-abc-abd, groups: [eu, beta], models: [b], priority: 9 }`);
  const till = { consumer: 'till', project: 'web', team: 'shop' };
  assert.deepEqual(snapshot.consumers, [
    { id: 'consumer:till', name: 'till', ...till, groups: ['gold', 'eu'], models: ['a*'], priority: 3 },
  ]);
  const owners = keys.map(({ name, consumer, project, team, groups, models, priority }) => ({
    ...{ name, consumer, project, team, groups, models, priority },
  }));
  assert.deepEqual(owners, [
    { name: 'one', ...till, groups: ['gold', 'eu'], models: ['a*'], priority: 3 },
    { name: 'two', ...till, groups: ['gold', 'eu', 'beta'], models: ['b'], priority: 9 },
  ]);
});

test('a key without an owner, with two, or with one that nobody knows is no key', () => {
  assert.deepEqual(
    refused(`teams: { shop: {} }
projects: { web: { team: shop } }
consumers: { till: { project: wbe } }
keys:
  one: { secret: abc-abc-abc }
  two: { secret: abc-abc-abd, project: web, consumer: till }
  three: { secret: abc-abc-abe, consumer: tell }`),
    [
      '3:31 consumers.till.project: unknown project "wbe"; did you mean "web"?',
      '5:8 keys.one: expected either "project" or "consumer"',
      '6:8 keys.two: expected either "project" or "consumer"',
      '7:43 keys.three.consumer: unknown consumer "tell"; did you mean "till"?',
    ],
  );
});

test('keys of the file carry hash, team and the end of their last day', () => {
  const { keys } = resolve(`teams: { shop: {} }
projects: { web: { team: shop } }
keys:
  ci: { project: web, secret: abc-abc-abc, expires: 2027-01-31, models: ['a*'] }
  at: { project: web, sha256: '${'0'.repeat(64)}', expires: '2027-01-31T12:00:00+02:00' }`);
  assert.deepEqual(keys[0], {
    id: 'file:ci',
    name: 'ci',
    sha256: hash('sha256', 'abc-abc-abc', 'hex'),
    project: 'web',
    team: 'shop',
    groups: [],
    expiresAtMs: Date.UTC(2027, 1, 1),
    models: ['a*'],
    createdAtMs: 0,
    master: 'file',
  });
  assert.equal(keys[1]?.expiresAtMs, Date.UTC(2027, 0, 31, 10));
});

test('without a file, the environment says which providers there are', () => {
  const documentOf = (env: Record<string, string>) => zeroConfiguration(env, catalog.values());
  assert.deepEqual(documentOf({}).providers, { pretend: {} });
  assert.deepEqual(documentOf({ ALPHA_API_KEY: 'a', BETA_API_KEY: '' }).providers, {
    alpha: { apiKey: 'a' },
  });
  const address = (value: string) => documentOf({ HOUSE_HOST: value }).providers?.['house']?.baseUrl;
  assert.equal(address('10.0.0.1'), 'http://10.0.0.1:7000/v1');
  assert.equal(address('10.0.0.1:1234'), 'http://10.0.0.1:1234/v1');
  assert.equal(address('https://h.test'), 'https://h.test/v1');
  assert.equal(address('http://h.test/x'), 'http://h.test/x');
  const { listen } = documentOf({ SLUICE_PORT: '1', SLUICE_ADMIN_PORT: 'x' });
  assert.deepEqual(listen, { host: '127.0.0.1', port: 1 });
  assert.equal(documentOf({ SLUICE_ADMIN_PORT: 'x' }).admin?.port, 9080);
  const document = documentOf({ ALPHA_API_KEY: 'a' });
  const { snapshot } = resolveConfig(document, {
    catalog,
    prices,
    version: 1,
    text: '',
    source: 'x',
    nowMs: 0,
  });
  assert.deepEqual(
    snapshot.routes.map((route) => route.name),
    ['sluice-account', 'llm'],
  );
  assert.deepEqual(snapshot.projects, { default: { team: 'default' } });
});
