import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PriceSchedule } from './price.ts';
import { createModelIndex, resolveModel } from './resolve-model.ts';
import type { OpenProvider, ResolvedModel } from './snapshot.ts';
import type { Provider } from './target.ts';

const provider = (name: string): Provider => ({
  name,
  dialect: 'd',
  baseUrl: 'http://127.0.0.1:1',
  credential: null,
  secret: null,
  signer: null,
  speaks: [],
  headers: [],
  quirks: {},
  timeouts: { connectMs: 1, responseHeaderMs: 1, idleMs: 1, totalMs: 0 },
  proxy: null,
  http2: null,
  tls: null,
});

const price = (version: string): PriceSchedule => [{ version, currency: 'USD', input: 1n, output: 2n }];

function open(name: string, modelPrefixes: string[]): OpenProvider {
  return {
    provider: provider(name),
    modelPrefixes,
    defaultMaxOutputTokens: 4096,
    prices: { 'cat-5': price('exact'), '*': price('rest') },
  };
}

const listed: ResolvedModel = {
  name: 'cat-listed',
  listed: true,
  countedAs: 'cat-listed',
  knownAs: ['cat-listed'],
  targets: [],
};
const snapshot = {
  models: { 'cat-listed': listed },
  openProviders: [open('zoo', ['cat-']), open('farm', ['cat-big-', 'dog-']), open('pound', ['dog-'])],
};

const ownerOf = (name: string) => {
  const target = resolveModel(snapshot, name)?.targets[0];
  return target ? `${target.provider.name}:${target.model}:${target.price?.[0]?.version ?? '-'}` : null;
};

test('a listed name comes before any prefix', () => {
  assert.equal(resolveModel(snapshot, 'cat-listed'), listed);
});

test('the longest prefix owns a bare name, and a draw is nobody’s', () => {
  assert.equal(ownerOf('cat-5'), 'zoo:cat-5:exact');
  assert.equal(ownerOf('cat-7'), 'zoo:cat-7:rest');
  assert.equal(ownerOf('cat-big-1'), 'farm:cat-big-1:rest');
  assert.equal(ownerOf('dog-1'), null);
  assert.equal(ownerOf('mouse'), null);
});

test('provider/anything goes to an open provider, with everything after the first slash', () => {
  assert.equal(ownerOf('pound/a/b'), 'pound:a/b:rest');
  assert.equal(ownerOf('nobody/cat-1'), null);
  assert.equal(ownerOf('pound/'), null);
});

test('names of the prototype and overlong names find nothing', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'zoo/' + 'x'.repeat(300)])
    assert.equal(ownerOf(name), null);
});

test('the index gives what resolveModel gives', () => {
  const index = createModelIndex(snapshot);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((tail) => `cat-${tail}`),
      ),
      (name) => {
        assert.deepEqual(index.find(name), resolveModel(snapshot, name));
      },
    ),
    { numRuns: process.env.SLUICE_LONG ? 5000 : 200, seed: 7 },
  );
});

test('the index forgets before it grows', () => {
  const index = createModelIndex(snapshot);
  const first = index.find('cat-0');
  assert.equal(index.find('cat-0'), first);
  for (let i = 1; i <= 1024; i += 1) index.find(`cat-${i}`);
  assert.notEqual(index.find('cat-0'), first);
  assert.deepEqual(index.find('cat-0'), first);
});

test('a model of a provider has two names, whichever the caller uses', () => {
  for (const name of ['cat-5', 'zoo/cat-5'])
    assert.deepEqual(resolveModel(snapshot, name)?.knownAs, ['cat-5', 'zoo/cat-5']);
});

test('invented names of an open provider are counted as one, known ones each by itself', () => {
  const countedAs = (name: string) => resolveModel(snapshot, name)?.countedAs;
  assert.equal(countedAs('zoo/invented-1'), 'zoo/*');
  assert.equal(countedAs('cat-invented-2'), 'zoo/*');
  assert.equal(countedAs('zoo/*'), 'zoo/*');
  assert.equal(countedAs('cat-5'), 'zoo/cat-5');
});
