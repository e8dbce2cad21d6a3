import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { openPostgresRecords } from '#storage/distributed/postgres-records.ts';
import { openSqliteRecords } from '#storage/embedded/sqlite-records.ts';
import { openConfigStore } from '#storage/records/config-versions.ts';
import { openNodeDirectory } from '#storage/records/node-directory.ts';
import type { SqlDatabase } from '#storage/records/sql-database.ts';
import { openTokenDirectory } from '#storage/records/token-directory.ts';
import { withRecordTables } from '#storage/records/tables.ts';
import { startPostgres, type TestPostgres } from '../../harness/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-records-'));
let postgres: TestPostgres;
let files = 0;
const opened: SqlDatabase[] = [];
before(async () => void (postgres = await startPostgres()));
after(async () => {
  for (const each of opened) await each.close();
  await postgres.stop();
  rmSync(folder, { recursive: true });
});

const settingsOf = (url: string) => ({ url, poolSize: 2, connectTimeoutMs: 5000, tls: null });
/** Opens one place several times, as several nodes do. */
const places: Readonly<Record<string, () => Promise<() => SqlDatabase>>> = {
  async sqlite() {
    const path = join(folder, `${(files += 1)}.db`);
    return () => withRecordTables(openSqliteRecords(path));
  },
  async postgres() {
    const url = await postgres.createDatabase();
    return () => withRecordTables(openPostgresRecords(settingsOf(url)));
  },
};
const document = (text: string) => ({ text, digest: `d-${text}`, author: 'a', comment: 'c' });
const keep = (database: SqlDatabase) => (opened.push(database), database);

for (const [kind, place] of Object.entries(places)) {
  describe(kind, () => {
    test('versions are numbered, kept as they were given, and neither changed nor removed', async () => {
      const open = await place();
      const database = keep(open());
      const store = openConfigStore(database);
      assert.equal(await store.latest(), null);
      const text = "routes: []\n# ünïcode 'quotes' $1 ?1 \\ 💧\n";
      const first = await store.append(document(text), 0);
      assert.equal(first?.version, 1);
      assert.ok(Math.abs(first.madeAtMs - Date.now()) < 60_000);
      assert.equal((await store.append(document('b'), 1))?.version, 2);
      assert.deepEqual(await store.read(1), first);
      assert.equal(await store.read(3), null);
      assert.equal((await store.latest())?.text, 'b');
      assert.deepEqual(
        (await store.list(1)).map(({ version, digest }) => [version, digest]),
        [[2, 'd-b']],
      );
      await assert.rejects(database.query("UPDATE config_versions SET text = 'x'"), /(not|neither) changed/);
      await assert.rejects(database.query('DELETE FROM config_versions'), /removed/);
      const again = openConfigStore(keep(open()));
      assert.equal((await again.latest())?.version, 2);
    });

    test('of many who change the same version one is first', async () => {
      const open = await place();
      const databases = Array.from({ length: 4 }, () => keep(open()));
      const stores = databases.map((each) => openConfigStore(each));
      // Who makes the tables is found out by the first question, of all at once.
      assert.deepEqual(await Promise.all(stores.map((store) => store.latest())), [null, null, null, null]);
      for (let after = 0; after < 5; after++) {
        const made = await Promise.all(
          stores.flatMap((store, i) => [
            store.append(document(`${i}a`), after),
            store.append(document(`${i}b`), after),
          ]),
        );
        assert.equal(made.filter((each) => each !== null).length, 1);
      }
      assert.deepEqual(
        (await stores[0]!.list(10)).map(({ version }) => version),
        [5, 4, 3, 2, 1],
      );
    });

    test('a token lets one node in: the first that comes with it, until it is revoked or has expired', async () => {
      const open = await place();
      const database = keep(open());
      const nodes = openNodeDirectory(database);
      await nodes.invite({ id: 'i1', name: 'shop', expiresAtMs: null, leasePercent: 25 }, 'h1');
      await nodes.invite(
        { id: 'i2', name: 'old', expiresAtMs: Date.now() - 60_000, leasePercent: 100 },
        'h2',
      );
      await assert.rejects(
        nodes.invite({ id: 'i3', name: 'twin', expiresAtMs: null, leasePercent: 1 }, 'h1'),
      );
      const came = await Promise.all(['n1', 'n2', 'n3'].map((node) => nodes.admit('h1', node)));
      const [owner, ...others] = came.filter((each) => each !== null);
      assert.ok(owner && others.length === 0);
      assert.equal(owner.leasePercent, 25);
      assert.deepEqual(await nodes.admit('h1', owner.nodeId!), owner);
      assert.equal(await nodes.admit('h2', 'n9'), null);
      assert.equal(await nodes.admit('h9', 'n9'), null);
      assert.equal(await nodes.revoke('i1'), true);
      assert.equal(await nodes.revoke('i9'), false);
      assert.equal(await nodes.admit('h1', owner.nodeId!), null);
      assert.deepEqual((await nodes.invitations()).map(({ id, revoked }) => [id, revoked]).sort(), [
        ['i1', true],
        ['i2', false],
      ]);
    });

    test('a personal token is found by its hash until it is revoked or has expired; sessions go when they are over', async () => {
      const open = await place();
      const tokens = openTokenDirectory(keep(open()));
      const elsewhere = openTokenDirectory(keep(open()));
      const inAnHour = Date.now() + 3_600_000;
      const record = (id: string, more: object = {}) => ({
        ...{ id, name: `n-${id}`, kind: 'token' as const, owner: 'user:ada', ownerName: 'ada', maker: 'm' },
        ...{ roles: null, scopes: null, expiresAtMs: inAnHour, ...more },
      });
      const made = await tokens.add(record('t1'), 'h1');
      assert.ok(Math.abs(made.madeAtMs - Date.now()) < 60_000);
      assert.deepEqual(await elsewhere.find('h1'), made);
      const roles = [{ role: 'developer' as const, team: 'shop' }];
      const limited = await tokens.add(
        record('t2', { roles, scopes: ['keys.read'], owner: 'oidc:$1', ownerName: "O'Hara ?" }),
        'h2',
      );
      assert.deepEqual([limited.roles, limited.scopes, limited.owner], [roles, ['keys.read'], 'oidc:$1']);
      await tokens.add(record('t3', { expiresAtMs: Date.now() - 60_000 }), 'h3');
      await tokens.add(record('s1', { kind: 'session', expiresAtMs: Date.now() - 60_000 }), 'h4');
      await tokens.add(record('s2', { kind: 'session' }), 'h5');
      await assert.rejects(tokens.add(record('t4'), 'h1'), 'one secret is one token');
      for (const gone of ['h3', 'h4', 'h9', '']) assert.equal(await tokens.find(gone), null, gone);
      assert.deepEqual((await tokens.list(null)).map(({ id }) => id).sort(), ['s2', 't1', 't2', 't3']);
      assert.deepEqual(
        (await tokens.list('oidc:$1')).map(({ id }) => id),
        ['t2'],
      );
      assert.deepEqual((await tokens.list('m')).length, 4, 'of who has made them, too');
      assert.equal(await elsewhere.revoke('t1', 'oidc:$1'), false, 'another owner');
      assert.equal(await elsewhere.revoke('t9', null), false);
      assert.equal(await elsewhere.revoke('t1', 'user:ada'), true);
      assert.equal(await tokens.find('h1'), null);
      assert.equal(await tokens.revoke('t2', null), true);
      const listed = await tokens.list(null);
      assert.deepEqual(
        listed
          .filter(({ revoked }) => revoked)
          .map(({ id }) => id)
          .sort(),
        ['t1', 't2'],
      );
      assert.ok(!JSON.stringify(listed).includes('h2'));
    });

    test('what nodes report replaces what they reported, at the time of the store', async () => {
      const open = await place();
      const database = keep(open());
      const nodes = openNodeDirectory(database);
      const report = {
        ...{ id: 'n1', name: 'shop', kind: 'edge' as const, version: '1', startedAtMs: 5, ready: false },
        ...{ configVersion: 3, refusal: 'too new', lagSegments: 2 },
      };
      await nodes.report(report);
      await nodes.report({ ...report, ready: true, refusal: null });
      const [view, ...rest] = await nodes.list();
      assert.equal(rest.length, 0);
      const { seenAtMs, ageMs, ...said } = view!;
      assert.deepEqual(said, { ...report, ready: true, refusal: null });
      assert.ok(Math.abs(seenAtMs - Date.now()) < 60_000 && ageMs >= 0 && ageMs < 60_000);
    });

    test('tables of a later version are left alone', async () => {
      const open = await place();
      const database = keep(open());
      await openConfigStore(database).latest();
      await database.query(
        kind === 'sqlite' ? 'PRAGMA user_version = 9' : "INSERT INTO schema_version VALUES ('records', 9)",
      );
      await assert.rejects(openConfigStore(keep(open())).latest(), /version 9|format 9/);
    });
  });
}

test('PostgreSQL that cannot be used says where, why and what to do, and no secret', async () => {
  const refusedPort = postgres.port === 1 ? 2 : 1;
  const away = keep(openPostgresRecords(settingsOf(`postgres://sluice:hunter2@127.0.0.1:${refusedPort}/x`)));
  await assert.rejects(away.query('SELECT 1'), (error: Error) => {
    assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:1\/x: .*ECONNREFUSED.* \(check that it runs/);
    return !error.message.includes('hunter2');
  });
  const none = keep(openPostgresRecords(settingsOf(`postgres://sluice@127.0.0.1:${postgres.port}/nowhere`)));
  await assert.rejects(none.query('SELECT 1'), /"nowhere" does not exist \(create that database/);
});

test('a version that is made is announced', async () => {
  const url = await postgres.createDatabase();
  const database = keep(withRecordTables(openPostgresRecords(settingsOf(url))));
  await openConfigStore(database).latest();
  const listener = new Client(url);
  await listener.connect();
  await listener.query('LISTEN sluice_config');
  const told = new Promise((resolve) => listener.on('notification', ({ payload }) => resolve(payload)));
  await openConfigStore(database).append(document('x'), 0);
  assert.equal(await told, '1');
  await listener.end();
});
