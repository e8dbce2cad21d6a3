import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProviderRecord } from '#core/target.ts';
import { parseConfig } from './load.ts';
import { ConfigError } from './problem.ts';
import { resolveConfig } from './resolve.ts';
import { policySchemas } from './testing/policy-schemas.ts';

const record = (name: string, signer: string, locate: ProviderRecord['locate']): ProviderRecord => ({
  name,
  title: name,
  dialect: 'd',
  baseUrl: null,
  credential: signer === 'aws-sigv4' ? { header: 'authorization', prefix: 'Bearer ' } : null,
  signer,
  ...(locate && { locate }),
  variable: null,
  modelPrefixes: [],
  models: [],
  quirks: {},
  priceList: null,
  source: 'https://docs.test',
});
const catalog = new Map([
  ['ash', record('ash', 'aws-sigv4', ({ region }) => (region ? `https://${region}.test` : null))],
  [
    'gum',
    record('gum', 'google-oauth', ({ project, location }) =>
      project ? `https://${location}.test/${project}` : null,
    ),
  ],
]);

function provider(settings: string) {
  const text = `version: 1\nproviders:\n  x: ${settings}\n`;
  const document = parseConfig(text, { env: {}, path: null, policySchemas });
  const prices = { find: () => null, all: () => ({}) };
  const scope = { catalog, prices, version: 1, text, source: 'sluice.yaml', nowMs: 0 };
  return resolveConfig(document, scope).snapshot.providers['x']!;
}

function refusal(settings: string): string {
  try {
    provider(settings);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.replaceAll('sluice.yaml:', '');
  }
  return '';
}

const account = (more: object) => `'${JSON.stringify({ type: 'service_account', ...more })}'`;

test('a region is an address, and what is signed for', () => {
  const { baseUrl, signer, credential } = provider(
    '{ kind: ash, aws: { region: eu-west-1, profile: work } }',
  );
  assert.equal(baseUrl, 'https://eu-west-1.test');
  assert.deepEqual(signer, { kind: 'aws-sigv4', settings: { region: 'eu-west-1', profile: 'work' } });
  assert.equal(credential, null);
});

test('a key makes a signature needless', () => {
  const { baseUrl, signer, secret } = provider('{ kind: ash, apiKey: k, aws: { region: eu-west-1 } }');
  assert.deepEqual([baseUrl, signer, secret], ['https://eu-west-1.test', null, 'k']);
  assert.equal(provider('{ kind: ash, apiKey: k, baseUrl: "http://h.test" }').baseUrl, 'http://h.test');
});

test('an address of its own stays, and whoever is there may be signed for', () => {
  const own = provider('{ dialect: d, baseUrl: "https://h.test/v1", aws: { region: us-east-1 } }');
  assert.deepEqual([own.baseUrl, own.signer!.kind], ['https://h.test/v1', 'aws-sigv4']);
});

test('the project is the service account’s unless another is given; the location is global', () => {
  const credentials = account({ project_id: 'shop' });
  assert.equal(
    provider(`{ kind: gum, google: { credentials: ${credentials} } }`).baseUrl,
    'https://global.test/shop',
  );
  const other = provider(
    `{ kind: gum, google: { credentials: ${credentials}, project: two, location: eu } }`,
  );
  assert.equal(other.baseUrl, 'https://eu.test/two');
  assert.deepEqual(Object.keys(other.signer!.settings).sort(), ['credentials', 'location', 'project']);
});

const refused: [settings: string, message: RegExp][] = [
  [
    '{ kind: ash }',
    /^3:6: providers\.x: expected "aws" with the region, as in aws: \{ region: us-east-1 \}$/,
  ],
  ['{ kind: ash, apiKey: k }', /expected "aws" with the region/],
  ['{ kind: ash, baseUrl: "http://h.test" }', /expected "aws" with the region/],
  ['{ kind: ash, aws: { region: r, accessKeyId: a } }', /expected both "accessKeyId" and "secretAccessKey"/],
  ['{ kind: ash, aws: { region: r, sessionToken: t } }', /beside "sessionToken"/],
  [
    '{ kind: ash, aws: { region: r, accessKeyId: a, secretAccessKey: b, profile: p } }',
    /expected either "profile" or "accessKeyId"/,
  ],
  ['{ kind: ash, apiKey: k, aws: { region: r, profile: p } }', /expected either "apiKey" or a profile/],
  ['{ kind: ash, aws: { region: "evil.test/" } }', /expected a region such as "us-east-1"/],
  ['{ kind: gum }', /expected "google" with the project/],
  [`{ kind: gum, google: { credentials: ${account({})} } }`, /expected "google" with the project/],
  ['{ kind: gum, google: { credentials: nonsense, project: p } }', /expected the JSON of a credential/],
  ['{ kind: gum, apiKey: k, google: { project: p } }', /expected either "apiKey" or "google"/],
  ['{ kind: ash, aws: { region: r }, google: { project: p } }', /expected either "aws" or "google"/],
];

for (const [settings, message] of refused) {
  test(`refused, and nothing of it shown: ${settings.slice(0, 80)}`, () => {
    const said = refusal(settings);
    assert.match(said, message);
    assert.ok(!said.includes('nonsense'));
    assert.equal(said.split('\n').length, 1, said);
  });
}
