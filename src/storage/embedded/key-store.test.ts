import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import { environmentKey, openKeyStore, sha256Hex, type KeyStore, type KeyWish } from './key-store.ts';
import { randomBase62 } from './random-secret.ts';

const owner = { project: 'web', team: 'shop' };
const wish = (name: string): KeyWish => ({ name, ...owner, models: null, expiresAtMs: null });
const fileKey = (name: string, secret: string, models: string[] | null = null): KeyRecord => ({
  id: `file:${name}`,
  name,
  sha256: sha256Hex(secret),
  ...owner,
  expiresAtMs: null,
  models,
  createdAtMs: 0,
  master: 'file',
});

interface Opened {
  store: KeyStore;
  directory: string;
  deltas: KeyDelta[];
  /** Closes the store and opens it again, as a restart does. */
  reopen(): KeyStore;
}

function open(t: TestContext): Opened {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  const deltas: KeyDelta[] = [];
  const make = () =>
    openKeyStore({ directory, clock: { nowMs: () => 1000 }, onDelta: (delta) => void deltas.push(delta) });
  const opened: Opened = {
    store: make(),
    directory,
    deltas,
    reopen() {
      opened.store.close();
      return (opened.store = make());
    },
  };
  t.after(() => {
    opened.store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return opened;
}

const live = (store: KeyStore): string[] => {
  const reset = store.reset();
  assert.ok(reset.type === 'reset');
  return reset.keys.map((key) => key.name).sort();
};

test('a key is made, listed without its hash, found after a restart, and revoked for good', (t) => {
  const opened = open(t);
  const { key, secret } = opened.store.create({ ...wish('ci'), models: ['a-*'], expiresAtMs: 5000 });
  assert.match(secret, /^sk-sluice-[0-9A-Za-z]{32}$/);
  assert.equal(key.sha256, sha256Hex(secret));
  const store = opened.reopen();
  const reset = store.reset();
  assert.ok(reset.type === 'reset');
  assert.deepEqual(reset.keys, [key]);
  assert.ok(!JSON.stringify(store.list()).includes(key.sha256));
  store.revoke(key.id);
  store.revoke(key.id);
  assert.deepEqual(live(store), []);
  assert.deepEqual(live(opened.reopen()), []);
  assert.equal(opened.store.list()[0]?.revoked, true);
  assert.equal(opened.deltas.filter((delta) => delta.type === 'revoke').length, 1);
});

test('no secret is kept anywhere but in the two files that say so', (t) => {
  const { store, directory } = open(t);
  const { secret } = store.create(wish('ci'));
  store.close();
  for (const name of ['control.db', 'control.db-wal']) {
    const path = join(directory, name);
    if (existsSync(path)) assert.ok(!readFileSync(path, 'latin1').includes(secret), name);
  }
});

test('names are taken once while they live; unknown keys and keys of the file cannot be revoked', (t) => {
  const { store } = open(t);
  const { key } = store.create(wish('ci'));
  store.useFileKeys([fileKey('deploy', 'a-secret-of-the-file')]);
  const refused = (run: () => unknown, status: number) =>
    assert.throws(run, (error) => error instanceof ControlError && error.status === status);
  refused(() => store.create(wish('ci')), 409);
  refused(() => store.create(wish('deploy')), 409);
  refused(() => store.revoke('nobody'), 404);
  refused(() => store.revoke('file:deploy'), 409);
  store.revoke(key.id);
  assert.notEqual(store.create(wish('ci')).key.id, key.id);
});

test('a reload of the file puts and revokes only what changed', (t) => {
  const { store, deltas } = open(t);
  store.useFileKeys([fileKey('a', 'secret-a'), fileKey('b', 'secret-b')]);
  deltas.length = 0;
  store.useFileKeys([fileKey('b', 'secret-b', ['m']), fileKey('c', 'secret-c')]);
  assert.deepEqual(
    deltas.map((delta) => (delta.type === 'put' ? `put ${delta.key.name}` : delta.type)),
    ['revoke', 'put b', 'put c'],
  );
  deltas.length = 0;
  store.useFileKeys([fileKey('b', 'secret-b', ['m']), fileKey('c', 'secret-c')]);
  assert.deepEqual(deltas, []);
});

test('two keys with one secret are refused, and so is the return of a revoked one; nothing changes', (t) => {
  const { store, deltas } = open(t);
  const made = store.create(wish('made'));
  store.useFileKeys([fileKey('a', 'secret-a')]);
  deltas.length = 0;
  assert.throws(
    () => store.useFileKeys([fileKey('x', 'same'), fileKey('y', 'same')]),
    /"y" has the same secret as the key "x"/,
  );
  assert.throws(() => store.useFileKeys([fileKey('x', made.secret)]), /"x".*"made" of the store/);
  assert.deepEqual(deltas, []);
  assert.deepEqual(live(store), ['a', 'made']);
  store.revoke(made.key.id);
  assert.throws(() => store.useFileKeys([fileKey('x', made.secret)]), /the revoked key "made"/);
});

test('the first key is made once, readable by its owner until it is revoked, and never again', (t) => {
  const opened = open(t);
  const path = opened.store.ensureFirstKey(owner)!.path;
  const secret = readFileSync(path, 'utf8').trim();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(opened.store.firstKeyPath(), path);
  const store = opened.reopen();
  assert.equal(store.ensureFirstKey(owner), null);
  assert.equal(readFileSync(path, 'utf8').trim(), secret);
  store.revoke('first-key');
  assert.ok(!existsSync(path));
  assert.equal(store.firstKeyPath(), null);
  assert.equal(opened.reopen().ensureFirstKey(owner), null);
  assert.deepEqual(live(opened.store), []);
});

test('a first key that a crash left in its file only is the one that works', (t) => {
  const { store, directory } = open(t);
  const secret = `sk-sluice-${randomBase62(32)}`;
  writeFileSync(join(directory, 'first-key'), `${secret}\n`);
  store.ensureFirstKey(owner);
  const reset = store.reset();
  assert.ok(reset.type === 'reset');
  assert.equal(reset.keys[0]?.sha256, sha256Hex(secret));
});

test('with a key of the environment there is no first key, and it goes with the variable', (t) => {
  const opened = open(t);
  opened.store.useFileKeys([environmentKey('a-key-of-mine', owner)]);
  assert.equal(opened.store.ensureFirstKey(owner), null);
  assert.deepEqual(live(opened.store), ['SLUICE_KEY']);
  assert.deepEqual(live(opened.reopen()), []);
});

test('the admin token is made once; a given one counts instead, and a weak one is refused', (t) => {
  const opened = open(t);
  const made = opened.store.adminToken(undefined);
  const token = readFileSync(made.path!, 'utf8').trim();
  assert.equal(statSync(made.path!).mode & 0o777, 0o600);
  const again = opened.reopen().adminToken(undefined);
  assert.ok(again.verify(token));
  for (const wrong of ['', token.slice(1), `${token} `]) assert.ok(!again.verify(wrong));
  const given = opened.store.adminToken('0123456789abcdef');
  assert.ok(given.verify('0123456789abcdef'));
  assert.ok(!given.verify(token));
  assert.throws(() => opened.store.adminToken('short'), /at least 16/);
  assert.throws(() => opened.store.adminToken(''), /at least 16/);
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
    fc.record({ type: fc.constant('revoke' as const), at: fc.nat(6) }),
    fc.record({ type: fc.constant('file' as const), names: fc.subarray(names), models: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { store, deltas } = open(t);
      for (const act of steps) {
        try {
          if (act.type === 'create') store.create(wish(act.name));
          else if (act.type === 'revoke') store.revoke(store.list()[act.at]?.id ?? 'nobody');
          else
            store.useFileKeys(
              act.names.map((name) => fileKey(name, `secret-${name}`, act.models ? ['m'] : null)),
            );
        } catch (error) {
          assert.ok(error instanceof ControlError, String(error));
        }
      }
      const keys = new Map<string, KeyRecord>();
      deltas.forEach((delta, i) => {
        assert.equal(delta.sequence, i + 1);
        if (delta.type === 'put') keys.set(delta.key.sha256, delta.key);
        else if (delta.type === 'revoke') assert.ok(keys.delete(delta.sha256));
      });
      const reset = store.reset();
      assert.ok(reset.type === 'reset');
      assert.equal(reset.sequence, deltas.length);
      const byHash = (list: readonly KeyRecord[]) =>
        [...list].sort((x, y) => x.sha256.localeCompare(y.sha256));
      assert.deepEqual(byHash(reset.keys), byHash([...keys.values()]));
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
