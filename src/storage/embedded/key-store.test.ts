import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import { openKeyStore, sha256Hex, type KeyStore, type KeyStoreSettings, type KeyWish } from './key-store.ts';
import { randomBase62 } from './random-secret.ts';

const owner = { project: 'web', team: 'shop' };
const wish = (name: string): KeyWish => ({ name, ...owner, models: null, expiresAtMs: null });
const fileKey = (name: string, secret: string, models: string[] | null = null): KeyRecord => ({
  id: `file:${name}`,
  name,
  sha256: sha256Hex(secret),
  ...owner,
  groups: [],
  expiresAtMs: null,
  models,
  createdAtMs: 0,
  master: 'file',
});

interface Opened {
  store: KeyStore;
  directory: string;
  /** Closes the store and opens it again, as a restart does. */
  reopen(more?: Partial<KeyStoreSettings>): KeyStore;
}

/** With a key of the file, so that there is no first key; `first` opens it without. */
function open(
  t: TestContext,
  first: Partial<KeyStoreSettings> = { fileKeys: [fileKey('f', 'secret-f')] },
): Opened {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  const make = (more: Partial<KeyStoreSettings>) =>
    openKeyStore({ directory, env: {}, fileKeys: [], clock: { nowMs: () => 1000 }, ...more });
  const opened: Opened = {
    store: make(first),
    directory,
    reopen(more = first) {
      opened.store.close();
      return (opened.store = make(more));
    },
  };
  t.after(() => {
    opened.store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return opened;
}

const keysOf = (delta: KeyDelta): readonly KeyRecord[] => {
  assert.ok(delta.type === 'reset');
  return delta.keys;
};

const live = (store: KeyStore): string[] =>
  keysOf(store.reset())
    .map((key) => key.name)
    .filter((name) => name !== 'f')
    .sort();

test('a key is made, listed without its hash, found after a restart, and revoked for good', (t) => {
  const opened = open(t);
  const { key, secret, delta } = opened.store.create({ ...wish('ci'), models: ['a-*'], expiresAtMs: 5000 });
  assert.match(secret, /^sk-sluice-[0-9A-Za-z]{32}$/);
  assert.ok(delta.type === 'put');
  assert.equal(delta.key.sha256, sha256Hex(secret));
  const store = opened.reopen();
  assert.deepEqual(keysOf(store.reset())[1], delta.key);
  assert.ok(!JSON.stringify(store.list()).includes(delta.key.sha256));
  assert.deepEqual(
    store.revoke(key.id).map(({ type }) => type),
    ['revoke'],
  );
  assert.deepEqual(store.revoke(key.id), []);
  assert.deepEqual(live(store), []);
  assert.deepEqual(live(opened.reopen()), []);
  assert.deepEqual(
    opened.store.list().map(({ name, revoked }) => [name, revoked]),
    [
      ['f', false],
      ['ci', true],
    ],
  );
});

test('the database has hashes and no secrets', (t) => {
  const { store, directory } = open(t);
  const { secret } = store.create(wish('ci'));
  store.close();
  const bytes = readFileSync(join(directory, 'control.db'), 'latin1');
  assert.ok(bytes.includes(sha256Hex(secret)));
  assert.ok(!bytes.includes(secret));
});

test('names are taken once while they live; unknown keys and keys of the file cannot be revoked', (t) => {
  const { store } = open(t);
  const { key } = store.create(wish('ci'));
  const refused = (run: () => unknown, status: number) =>
    assert.throws(run, (error) => error instanceof ControlError && error.status === status);
  refused(() => store.create(wish('ci')), 409);
  refused(() => store.create(wish('f')), 409);
  refused(() => store.revoke('nobody'), 404);
  refused(() => store.revoke('file:f'), 409);
  store.revoke(key.id);
  assert.notEqual(store.create(wish('ci')).key.id, key.id);
});

test('two keys with one secret are refused, and so is the return of a revoked one; nothing changes', (t) => {
  const { store } = open(t);
  const made = store.create(wish('made'));
  const before = store.reset();
  assert.throws(
    () => store.replaceFileKeys([fileKey('x', 'same'), fileKey('y', 'same')]),
    /"y" has the same secret as the key "x"/,
  );
  assert.throws(() => store.replaceFileKeys([fileKey('x', made.secret)]), /"x".*"made" of the store/);
  assert.deepEqual(store.reset(), before);
  store.revoke(made.key.id);
  assert.throws(() => store.replaceFileKeys([fileKey('x', made.secret)]), /the revoked key "made"/);
});

test('the first key is made once, readable by its owner until it is revoked, and never again', (t) => {
  const opened = open(t, {});
  const path = join(opened.directory, 'first-key');
  const secret = opened.store.firstKey()!;
  assert.equal(readFileSync(path, 'utf8').trim(), secret);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(keysOf(opened.store.reset())[0]?.sha256, sha256Hex(secret));
  const store = opened.reopen();
  assert.equal(store.firstKey(), secret);
  store.revoke('first-key');
  assert.ok(!existsSync(path));
  assert.equal(store.firstKey(), null);
  assert.deepEqual(live(opened.reopen()), []);
  assert.equal(opened.store.firstKey(), null);
  assert.ok(!existsSync(path));
});

test('a first key that a crash left in its file only is the one that works', (t) => {
  const opened = open(t);
  const secret = `sk-sluice-${randomBase62(32)}`;
  writeFileSync(join(opened.directory, 'first-key'), `${secret}\n`);
  const store = opened.reopen({});
  assert.equal(keysOf(store.reset())[0]?.sha256, sha256Hex(secret));
  assert.equal(store.firstKey(), secret);
});

test('a key of the environment comes in place of a first key, and goes with its variable', (t) => {
  const opened = open(t, { env: { SLUICE_KEY: 'a-key-of-mine' } });
  assert.deepEqual(live(opened.store), ['SLUICE_KEY']);
  assert.equal(opened.store.firstKey(), null);
  assert.throws(() => opened.store.revoke('env:SLUICE_KEY'), ControlError);
  assert.deepEqual(live(opened.reopen({ env: { SLUICE_KEY: 'another-of-mine' } })), ['SLUICE_KEY']);
  assert.equal(keysOf(opened.store.reset())[0]?.sha256, sha256Hex('another-of-mine'));
  const both = { env: { SLUICE_KEY: 'secret-f' }, fileKeys: [fileKey('f', 'secret-f')] };
  assert.equal(keysOf(opened.reopen(both).reset()).length, 1);
});

test('the admin token is made once; a given one counts instead, and a weak one is refused', (t) => {
  const opened = open(t);
  const path = join(opened.directory, 'admin-token');
  const token = readFileSync(path, 'utf8').trim();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  rmSync(path);
  const again = opened.reopen();
  assert.ok(again.verifyAdminToken(token));
  for (const wrong of ['', token.slice(1), `${token} `]) assert.ok(!again.verifyAdminToken(wrong));
  assert.ok(!existsSync(path), 'a file that was taken away does not come back');
  const given = opened.reopen({ env: { SLUICE_ADMIN_TOKEN: '0123456789abcdef' } });
  assert.ok(given.verifyAdminToken('0123456789abcdef'));
  assert.ok(!given.verifyAdminToken(token));
  assert.throws(() => opened.reopen({ env: { SLUICE_ADMIN_TOKEN: 'short' } }), /at least 16/);
});

test('a database of a newer version is left alone', (t) => {
  const opened = open(t);
  opened.store.close();
  const database = new DatabaseSync(join(opened.directory, 'control.db'));
  database.exec('PRAGMA user_version = 2');
  assert.throws(() => opened.reopen(), /format 2/);
  database.exec('PRAGMA user_version = 1');
  database.close();
  opened.reopen();
});

test('whatever is done, the deltas have no gap and lead to what a reset says', (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const step = fc.oneof(
    fc.record({ type: fc.constant('create' as const), name: fc.constantFrom(...names) }),
    fc.record({ type: fc.constantFrom('revoke' as const, 'rotate' as const), at: fc.nat(6) }),
    fc.record({ type: fc.constant('change' as const), at: fc.nat(6), name: fc.constantFrom(...names) }),
    fc.record({ type: fc.constant('file' as const), names: fc.subarray(names), models: fc.boolean() }),
  );
  type Act = typeof step extends fc.Arbitrary<infer T> ? T : never;
  const perform = (store: KeyStore, act: Act): readonly KeyDelta[] => {
    if (act.type === 'create') return [store.create(wish(act.name)).delta];
    if (act.type === 'file') {
      const models = act.models ? ['m'] : null;
      return [store.replaceFileKeys(act.names.map((name) => fileKey(name, `secret-${name}`, models)))];
    }
    const id = store.list()[act.at]?.id ?? 'nobody';
    if (act.type === 'change') return store.change(id, { name: act.name, groups: [act.name] }).deltas;
    return act.type === 'revoke' ? store.revoke(id) : store.rotate(id, 1_000).deltas;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { store } = open(t);
      const start = store.reset();
      let sequence = start.sequence;
      let keys = new Map(keysOf(start).map((key) => [key.sha256, key]));
      for (const act of steps) {
        let deltas: readonly KeyDelta[] = [];
        try {
          deltas = perform(store, act);
        } catch (error) {
          assert.ok(error instanceof ControlError, String(error));
        }
        for (const delta of deltas) {
          assert.equal(delta.sequence, (sequence += 1));
          if (delta.type === 'reset') keys = new Map(delta.keys.map((key) => [key.sha256, key]));
          else if (delta.type === 'put') keys.set(delta.key.sha256, delta.key);
          else assert.ok(keys.delete(delta.sha256));
        }
      }
      const end = store.reset();
      assert.equal(end.sequence, sequence);
      const byHash = (list: Iterable<KeyRecord>) =>
        [...list].sort((x, y) => x.sha256.localeCompare(y.sha256));
      assert.deepEqual(byHash(keysOf(end)), byHash(keys.values()));
    }),
    { numRuns: process.env.SLUICE_LONG ? 500 : 20, seed: 5 },
  );
});

test('random characters are all of the alphabet’s, evenly', () => {
  const text = randomBase62(62_000);
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  assert.equal(counts.size, 62);
  // Ten standard deviations about the mean of 1,000: a biased generator is far outside, a fair one never.
  for (const [letter, count] of counts) assert.ok(count > 680 && count < 1320, `${letter}: ${count}`);
});
