import { hash, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ControlError, type KeyView } from '#core/contracts/control-plane.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import { openKeyDatabase, type StoredKey } from './key-database.ts';
import { randomBase62 } from './random-secret.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

export interface KeyWish {
  readonly name: string;
  readonly project: string;
  readonly team: string;
  /** Null: all that its project may. */
  readonly models: readonly string[] | null;
  /** Null: never. */
  readonly expiresAtMs: number | null;
}

export interface KeyStoreSettings {
  readonly directory: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Told of every change, in order. */
  onDelta(delta: KeyDelta): void;
}

export interface KeyStore {
  /** Everything that is in force, for a thread that starts; the deltas after it follow on its sequence. */
  reset(): KeyDelta;
  /** Every key of the file, and every key of the store, revoked ones too. */
  list(): KeyView[];
  /** The secret is given this once. @throws ControlError 409 when a live key has the name. */
  create(wish: KeyWish): { readonly key: KeyRecord; readonly secret: string };
  /** @throws ControlError 404 when there is no such key, 409 when the file masters it. */
  revoke(id: string): void;
  /**
   * The keys that a configuration masters, in place of those before.
   * @throws Error naming both keys when two have the same secret, or one has a secret that was revoked; nothing changes.
   */
  useFileKeys(keys: readonly KeyRecord[]): void;
  /**
   * A key for a start that nobody has made one for: null when there are or were keys. Its secret stays readable in
   * `first-key` (mode 0600) until it is revoked.
   */
  ensureFirstKey(owner: Pick<KeyWish, 'project' | 'team'>): { readonly path: string } | null;
  /** Where the first key's secret can be read, or null. */
  firstKeyPath(): string | null;
  /**
   * The token of the admin API. A given one is only compared with; else one is made once and left in `admin-token` (mode
   * 0600), while its hash is what is compared with: the file may be taken away.
   */
  adminToken(given: string | undefined): AdminToken;
  close(): void;
}

export interface AdminToken {
  /** Null when the token was given. */
  readonly path: string | null;
  verify(token: string): boolean;
}

const secretPrefix = 'sk-sluice-';
const secretShape = /^sk-sluice-[0-9A-Za-z]{32}$/;
const firstKeyId = 'first-key';
const leastAdminToken = 16;

export const sha256Hex = (secret: string): string => hash('sha256', secret, 'hex');

/** The key that SLUICE_KEY gives: its master is the environment, so it changes only from there, like a file's. */
export function environmentKey(secret: string, owner: Pick<KeyWish, 'project' | 'team'>): KeyRecord {
  return {
    id: 'env:SLUICE_KEY',
    name: 'SLUICE_KEY',
    sha256: sha256Hex(secret),
    ...owner,
    expiresAtMs: null,
    models: null,
    createdAtMs: 0,
    master: 'file',
  };
}

/** Opens `control.db`. For the main thread: changes are few, and each is on disk before it is told of. */
export function openKeyStore({ directory, clock, onDelta }: KeyStoreSettings): KeyStore {
  const database = openKeyDatabase(join(directory, 'control.db'));
  const firstKeyPath = join(directory, 'first-key');
  const adminTokenPath = join(directory, 'admin-token');
  const stored = new Map(database.keys().map((key) => [key.id, key]));
  let fileKeys: ReadonlyMap<string, KeyRecord> = new Map();
  let sequence = 0;

  const tell = (change: { type: 'put'; key: KeyRecord } | { type: 'revoke'; sha256: string }) => {
    sequence += 1;
    onDelta({ sequence, ...change });
  };
  const liveKeys = (): KeyRecord[] => [
    ...fileKeys.values(),
    ...[...stored.values()].filter((key) => !key.revoked).map(recordOf),
  ];

  function add(id: string, wish: KeyWish, secret: string): KeyRecord {
    const { name, project, team, models, expiresAtMs } = wish;
    const key: KeyRecord = {
      id,
      name,
      sha256: sha256Hex(secret),
      project,
      team,
      expiresAtMs,
      models,
      createdAtMs: clock.nowMs(),
      master: 'store',
    };
    database.insert(key);
    stored.set(id, { ...key, revoked: false });
    tell({ type: 'put', key });
    return key;
  }

  /** @throws Error */
  function checkFileKeys(keys: readonly KeyRecord[]): void {
    const owners = new Map<string, string>();
    for (const key of stored.values())
      owners.set(
        key.sha256,
        key.revoked ? `the revoked key "${key.name}"` : `the key "${key.name}" of the store`,
      );
    for (const key of keys) {
      const owner = owners.get(key.sha256);
      if (owner) throw new Error(`The key "${key.name}" has the same secret as ${owner}.`);
      owners.set(key.sha256, `the key "${key.name}"`);
    }
  }

  return {
    reset: () => ({ sequence, type: 'reset', keys: liveKeys() }),
    list: () => [
      ...[...fileKeys.values()].map((key) => viewOf(key, false)),
      ...[...stored.values()].map((key) => viewOf(key, key.revoked)),
    ],
    create(wish) {
      if (liveKeys().some((key) => key.name === wish.name))
        throw new ControlError(409, `There is a key "${wish.name}" already.`);
      const secret = secretPrefix + randomBase62(32);
      return { key: add(`key-${randomBase62(16)}`, wish, secret), secret };
    },
    revoke(id) {
      if ([...fileKeys.values()].some((key) => key.id === id))
        throw new ControlError(409, `The key "${id}" belongs to the configuration: remove it there.`);
      const key = stored.get(id);
      if (!key) throw new ControlError(404, `There is no key "${id}".`);
      if (key.revoked) return;
      database.revoke(id, clock.nowMs());
      stored.set(id, { ...key, revoked: true });
      if (id === firstKeyId) rmSync(firstKeyPath, { force: true });
      tell({ type: 'revoke', sha256: key.sha256 });
    },
    useFileKeys(keys) {
      checkFileKeys(keys);
      const before = fileKeys;
      fileKeys = new Map(keys.map((key) => [key.sha256, key]));
      for (const sha256 of before.keys()) if (!fileKeys.has(sha256)) tell({ type: 'revoke', sha256 });
      for (const key of keys) {
        const known = before.get(key.sha256);
        if (!known || JSON.stringify(known) !== JSON.stringify(key)) tell({ type: 'put', key });
      }
    },
    ensureFirstKey(owner) {
      if (stored.size > 0 || fileKeys.size > 0) return null;
      // A crash may have come between file and database: what people may have read already must be the key.
      const left = readSecretFile(firstKeyPath);
      const secret = left && secretShape.test(left) ? left : secretPrefix + randomBase62(32);
      if (secret !== left) writeSecretFile(firstKeyPath, secret);
      add(firstKeyId, { name: firstKeyId, ...owner, models: null, expiresAtMs: null }, secret);
      return { path: firstKeyPath };
    },
    firstKeyPath() {
      const key = stored.get(firstKeyId);
      return key && !key.revoked && readSecretFile(firstKeyPath) !== null ? firstKeyPath : null;
    },
    adminToken(given) {
      if (given !== undefined) {
        if (given.length < leastAdminToken)
          throw new Error(`SLUICE_ADMIN_TOKEN must have at least ${leastAdminToken} characters.`);
        return { path: null, verify: verifierOf(sha256Hex(given)) };
      }
      let sha256 = database.setting('admin-token-sha256');
      if (sha256 === null) {
        const token = `sluice-admin-${randomBase62(32)}`;
        sha256 = sha256Hex(token);
        writeSecretFile(adminTokenPath, token);
        database.setSetting('admin-token-sha256', sha256);
      }
      return { path: adminTokenPath, verify: verifierOf(sha256) };
    },
    close: () => database.close(),
  };
}

function verifierOf(sha256: string): (token: string) => boolean {
  const right = Buffer.from(sha256, 'hex');
  return (token) => timingSafeEqual(hash('sha256', token, 'buffer'), right);
}

function recordOf({ revoked: _, ...key }: StoredKey): KeyRecord {
  return key;
}

function viewOf(key: KeyRecord, revoked: boolean): KeyView {
  const { id, name, project, team, expiresAtMs, models, createdAtMs, master } = key;
  return { id, name, project, team, expiresAtMs, models, createdAtMs, master, revoked };
}
