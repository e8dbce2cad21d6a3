/** Keys of one machine or of many nodes: the same contract, and the same tests. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { KeyRecord } from '#core/key.ts';
import { openSharedKeys } from '#storage/distributed/shared-keys.ts';
import {
  openKeyStore,
  sha256Hex,
  type KeyChange,
  type KeyStoreSettings,
} from '#storage/embedded/key-store.ts';
import type { KeyMaster } from '#storage/key-master.ts';
import { KeyTable } from '../../../src/compose/key-table.ts';
import { startPostgres, type TestPostgres } from '../../harness/postgres.ts';

let postgres: TestPostgres;
before(async () => void (postgres = await startPostgres()));
after(() => postgres.stop());

const fileKey = (name: string, secret: string): KeyRecord => ({
  id: `file:${name}`,
  name,
  sha256: sha256Hex(secret),
  project: 'web',
  team: 'shop',
  groups: [],
  expiresAtMs: null,
  models: null,
  createdAtMs: 0,
  master: 'file',
});
const wish = (name: string) => ({ name, project: 'web', team: 'shop', models: ['a-*'], expiresAtMs: 5_000 });

/** A node: its keys, and the table that one of its threads has. */
interface Node {
  readonly keys: KeyMaster;
  readonly table: KeyTable;
  readonly directory: string;
  close(): Promise<void>;
}

type Opens = (t: TestContext, more?: Partial<KeyStoreSettings>) => Promise<Node>;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const alone: Opens = async (t, more = {}) => {
  const directory = more.directory ?? folder(t);
  const keys = openKeyStore({ directory, env: {}, fileKeys: [fileKey('f', 'secret-f')], ...more });
  t.after(() => keys.close());
  const table = new KeyTable();
  table.apply(keys.reset());
  return { keys, table, directory, close: async () => keys.close() };
};

const sharing =
  (url: string): Opens =>
  async (t, more = {}) => {
    const directory = more.directory ?? folder(t);
    const keys = await openSharedKeys({
      ...{ directory, env: {}, fileKeys: [fileKey('f', 'secret-f')], ...more },
      server: { url, connectTimeoutMs: 2_000, poolSize: 2, tls: null },
      say: () => undefined,
    });
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) await keys.close();
      isOpen = false;
    };
    t.after(close);
    const table = new KeyTable();
    table.apply(keys.reset());
    keys.follow(async (delta) => table.apply(delta));
    return { keys, table, directory, close };
  };

const kinds: Record<string, () => Promise<Opens>> = {
  'a node alone': async () => alone,
  'many nodes': async () => sharing(await postgres.createDatabase()),
};

const refused = (run: () => unknown, status: number) =>
  assert.rejects(
    async () => run(),
    (error) => error instanceof ControlError && error.status === status,
  );

async function made({ keys, table }: Node, name: string) {
  const { key, secret, delta } = await keys.create(wish(name));
  if (delta) table.apply(delta);
  return { key, secret };
}

async function revoked({ keys, table }: Node, id: string): Promise<void> {
  for (const delta of await keys.revoke(id)) table.apply(delta);
}

async function changed({ keys, table }: Node, id: string, change: KeyChange) {
  const { key, deltas } = await keys.change(id, change);
  for (const delta of deltas) table.apply(delta);
  return key;
}

async function rotated({ keys, table }: Node, id: string, overlapMs: number) {
  const { key, secret, deltas } = await keys.rotate(id, overlapMs);
  for (const delta of deltas) table.apply(delta);
  return { key, secret };
}

async function until(holds: () => boolean): Promise<void> {
  const from = performance.now();
  while (!holds()) {
    assert.ok(performance.now() - from < 30_000, 'not within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const [name, kind] of Object.entries(kinds)) {
  describe(name, () => {
    test('a key is in force when it is given, listed without its hash, and revoked for good', async (t) => {
      const open = await kind();
      const node = await open(t);
      const { key, secret } = await made(node, 'ci');
      const sha256 = sha256Hex(secret);
      assert.deepEqual([node.table.find(sha256)?.name, node.table.find(sha256)?.models], ['ci', ['a-*']]);
      assert.ok(!JSON.stringify(node.keys.list()).includes(sha256));
      await refused(() => node.keys.create(wish('ci')), 409);
      await refused(() => node.keys.create(wish('f')), 409);
      await refused(() => node.keys.revoke('nobody'), 404);
      await refused(() => node.keys.revoke('file:f'), 409);
      await revoked(node, key.id);
      assert.equal(node.table.find(sha256), undefined);
      await revoked(node, key.id);
      assert.notEqual((await made(node, 'ci')).key.id, key.id);
      await node.close();
      const again = await open(t, { directory: node.directory });
      assert.equal(again.table.find(sha256), undefined);
      assert.deepEqual(
        again.keys.list().map((each) => [each.name, each.revoked]),
        [
          ['f', false],
          ['ci', true],
          ['ci', false],
        ],
      );
    });

    test('a key is renamed and rotated: it stays itself, and its secret before ends in time', async (t) => {
      const open = await kind();
      const node = await open(t);
      const { key, secret } = await made(node, 'ci');
      await made(node, 'other');
      const now = await changed(node, key.id, { name: 'cd', models: null, expiresAtMs: null, groups: ['x'] });
      assert.deepEqual([now.name, now.models, now.expiresAtMs, now.groups], ['cd', null, null, ['x']]);
      assert.deepEqual(node.table.find(sha256Hex(secret))?.groups, ['x']);
      assert.deepEqual((await changed(node, key.id, { groups: [] })).name, 'cd');
      await refused(() => node.keys.change(key.id, { name: 'other' }), 409);
      await refused(() => node.keys.change(key.id, { name: 'f' }), 409);
      await refused(() => node.keys.change('file:f', { name: 'g' }), 409);
      await refused(() => node.keys.rotate('nobody', 0), 404);

      const first = await rotated(node, key.id, 60_000);
      const before = node.table.find(sha256Hex(secret))!;
      const after = node.table.find(sha256Hex(first.secret))!;
      assert.deepEqual([before.id, after.id, after.expiresAtMs], [key.id, key.id, null]);
      assert.ok(Math.abs(before.expiresAtMs! - Date.now() - 60_000) < 30_000);
      assert.equal(first.key.previousUntilMs, before.expiresAtMs);
      const second = await rotated(node, key.id, 60_000);
      assert.equal(node.table.find(sha256Hex(secret)), undefined, 'of two before, the later one stays');
      assert.ok(node.table.find(sha256Hex(first.secret)));
      await node.close();
      const again = await open(t, { directory: node.directory });
      assert.deepEqual(
        [first, second].map((each) => again.table.find(sha256Hex(each.secret))?.name),
        ['cd', 'cd'],
      );
      await revoked(again, key.id);
      assert.deepEqual(
        [first, second].map((each) => again.table.find(sha256Hex(each.secret))),
        [undefined, undefined],
      );
      await refused(() => again.keys.rotate(key.id, 0), 409);
      await refused(() => again.keys.change(key.id, { name: 'cd' }), 409);
    });

    test('the first key is made once, and goes with its file when it is revoked', async (t) => {
      const open = await kind();
      const node = await open(t, { fileKeys: [] });
      const secret = node.keys.firstKey()!;
      assert.equal(node.table.find(sha256Hex(secret))?.id, 'first-key');
      await revoked(node, 'first-key');
      assert.equal(node.keys.firstKey(), null);
      assert.ok(!existsSync(join(node.directory, 'first-key')));
      await node.close();
      assert.equal((await open(t, { fileKeys: [], directory: node.directory })).keys.firstKey(), null);
    });

    test('whatever is done, a thread that applies the deltas has what a reset says', async (t) => {
      const open = await kind();
      const names = ['a', 'b', 'c'];
      const step = fc.oneof(
        fc.record({ act: fc.constant('create' as const), name: fc.constantFrom(...names) }),
        fc.record({
          act: fc.constantFrom('revoke' as const, 'rotate' as const, 'rename' as const),
          at: fc.nat(8),
          to: fc.constantFrom(...names),
        }),
        fc.record({ act: fc.constant('file' as const), names: fc.subarray(names) }),
      );
      const node = await open(t);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
          for (const each of steps) {
            try {
              if (each.act === 'create') await made(node, each.name);
              else if (each.act === 'file')
                node.table.apply(node.keys.replaceFileKeys(each.names.map((n) => fileKey(n, `secret-${n}`))));
              else {
                const id = node.keys.list()[each.at]?.id ?? 'nobody';
                if (each.act === 'revoke') await revoked(node, id);
                else if (each.act === 'rotate') await rotated(node, id, 60_000);
                else await changed(node, id, { name: each.to });
              }
            } catch (error) {
              assert.ok(error instanceof ControlError, String(error));
            }
          }
          const fresh = new KeyTable();
          fresh.apply(node.keys.reset());
          assert.equal(node.table.sequence, fresh.sequence);
          for (const key of (node.keys.reset() as { keys: readonly KeyRecord[] }).keys)
            assert.deepEqual(node.table.find(key.sha256), key);
        }),
        { numRuns: process.env['SLUICE_LONG'] ? 200 : 10 },
      );
    });
  });
}

test('what one of three nodes makes or revokes is so on all within a second', async (t) => {
  const open = sharing(await postgres.createDatabase());
  const nodes = await Promise.all([open(t), open(t), open(t)]);
  const beganAt = performance.now();
  const made5 = await Promise.all([0, 1, 2, 0, 1].map((at, n) => made(nodes[at]!, `k${n}`)));
  const hashes = made5.map(({ secret }) => sha256Hex(secret));
  await until(() => nodes.every(({ table }) => hashes.every((hash) => table.find(hash))));
  const madeMs = Math.round(performance.now() - beganAt);
  const revokingAt = performance.now();
  await Promise.all(made5.map(({ key }, n) => revoked(nodes[(n + 1) % 3]!, key.id)));
  await until(() => nodes.every(({ table }) => hashes.every((hash) => !table.find(hash))));
  const revokedMs = Math.round(performance.now() - revokingAt);
  t.diagnostic(`five keys made and known to all nodes in ${madeMs} ms, revoked on all in ${revokedMs} ms`);
  // Of many who want one name, one gets it.
  const wanted = await Promise.allSettled(nodes.map((node) => made(node, 'one')));
  assert.equal(wanted.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('of many nodes that start at once, one makes the first key; what one made while alone becomes all’s', async (t) => {
  const open = sharing(await postgres.createDatabase());
  const nodes = await Promise.all(Array.from({ length: 4 }, () => open(t, { fileKeys: [] })));
  const firsts = nodes.map(({ keys }) => keys.firstKey()).filter((secret) => secret !== null);
  assert.equal(new Set(firsts).size, 1);
  await until(() => nodes.every(({ table }) => table.find(sha256Hex(firsts[0]!))));
  const before = await alone(t);
  const { secret } = await made(before, 'mine');
  await before.close();
  await open(t, { directory: before.directory });
  await until(() => nodes.every(({ table }) => table.find(sha256Hex(secret))));
});

test('PostgreSQL away: keys stay in force, over a restart too; none is made; a revocation is not missed', async (t) => {
  const url = await postgres.createDatabase();
  const open = sharing(url);
  const [one, two] = [await open(t), await open(t)];
  const { secret, key } = await made(one, 'ci');
  await until(() => two.table.find(sha256Hex(secret)) !== undefined);
  await two.close();
  await revoked(one, key.id);
  const other = await made(one, 'other');
  await postgres.kill();
  await refused(() => one.keys.create(wish('late')), 503);
  await refused(() => one.keys.revoke(other.key.id), 503);
  assert.ok(one.table.find(sha256Hex(other.secret)));
  const again = await open(t, { directory: two.directory });
  assert.ok(again.table.find(sha256Hex(secret)), 'as it was when this node was last there');
  await postgres.restart();
  await until(() => !again.table.find(sha256Hex(secret)) && !!again.table.find(sha256Hex(other.secret)));
});
