import { hash, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ControlError, type KeyView } from '#core/contracts/control-plane.ts';
import type { Clock } from '#core/contracts/clock.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import { openKeyDatabase, type KeyDatabase, type StoredKey } from './key-database.ts';
import { randomBase62 } from './random-secret.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

export interface KeyWish {
  readonly name: string;
  readonly project: string;
  readonly team: string;
  /** Null: all that its project may. */
  readonly models?: readonly string[] | null;
  /** Null: never. */
  readonly expiresAtMs?: number | null;
  readonly groups?: readonly string[];
}

/** What is absent stays. */
export type KeyChange = Partial<Pick<KeyRecord, 'name' | 'models' | 'expiresAtMs' | 'groups'>>;

export interface KeyStoreSettings {
  readonly directory: string;
  /** SLUICE_KEY and SLUICE_ADMIN_TOKEN are read; empty is as good as absent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The keys that a configuration masters. */
  readonly fileKeys: readonly KeyRecord[];
  /** Is one made where there is none (true)? */
  readonly firstKey?: boolean;
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** Every change is on disk when its delta is returned. The caller passes deltas on, in order. */
export interface KeyStore {
  /** Everything that is in force, for a thread that starts; the deltas after it follow on its sequence. */
  reset(): KeyDelta;
  /** Every key of the file, and every key of the store, revoked ones too. */
  list(): KeyView[];
  /** The secret is given this once. @throws ControlError 409 when a live key has the name. */
  create(wish: KeyWish): { readonly key: KeyView; readonly secret: string; readonly delta: KeyDelta };
  /** @throws ControlError 404: no such key; 409: the configuration masters it, it is revoked, or a live key has the name. */
  change(id: string, change: KeyChange): { readonly key: KeyView; readonly deltas: readonly KeyDelta[] };
  /** Another secret, given this once; the one before stays in force for as long as is said. @throws as `change`. */
  rotate(
    id: string,
    overlapMs: number,
  ): { readonly key: KeyView; readonly secret: string; readonly deltas: readonly KeyDelta[] };
  /** None when it is revoked already. @throws ControlError 404: no such key; 409: the configuration masters it. */
  revoke(id: string): readonly KeyDelta[];
  /** Every key of the store, revoked ones too. */
  stored(): StoredKey[];
  /**
   * Takes over what became of a key somewhere else; none when that is known, or changes nothing that is in force.
   * @throws Error when a key of the configuration has its secret; it is not taken over then.
   */
  adopt(key: StoredKey): readonly KeyDelta[];
  /**
   * The keys that a configuration masters, in place of those before.
   * @throws Error naming both keys when two have the same secret, or one has a secret that was revoked; nothing changes.
   */
  replaceFileKeys(keys: readonly KeyRecord[]): KeyDelta;
  /**
   * The secret of the key that was made because nobody had made one. It stays readable in `first-key` (mode 0600) until
   * it is revoked; then, and where other keys came first, null.
   */
  firstKey(): string | null;
  /**
   * Is this the token of the admin API: SLUICE_ADMIN_TOKEN, or else the one made once and left in `admin-token` (mode
   * 0600)? Only its hash is compared with, so that file may be taken away.
   */
  verifyAdminToken(token: string): boolean;
  close(): void;
}

const secretPrefix = 'sk-sluice-';
const secretShape = /^sk-sluice-[0-9A-Za-z]{32}$/;
export const firstKeyId = 'first-key';
/** Whose the keys are that come about without anybody saying whose. */
const firstOwner = { project: 'default', team: 'default' };
export const firstWish: KeyWish = { name: firstKeyId, ...firstOwner };
const leastAdminToken = 16;

export const sha256Hex = (secret: string): string => hash('sha256', secret, 'hex');

/**
 * Opens `control.db`. For the main thread: changes are few. A start without any key, of now or before, makes the first.
 * @throws Error when keys clash, when SLUICE_ADMIN_TOKEN is too short, or when a newer version wrote the database.
 */
export function openKeyStore(settings: KeyStoreSettings): KeyStore {
  const { directory, env, fileKeys: first, firstKey = true, clock } = settings;
  const nowMs = () => clock?.nowMs() ?? Date.now();
  const database = openKeyDatabase(join(directory, 'control.db'));
  const firstKeyPath = join(directory, 'first-key');
  const stored = new Map(database.keys().map((key) => [key.id, key]));
  let fileKeys: readonly KeyRecord[] = [];
  let sequence = 0;

  const reset = (): KeyDelta => ({ sequence, type: 'reset', keys: liveKeys() });
  const liveKeys = (): KeyRecord[] => [...fileKeys, ...[...stored.values()].flatMap(recordsOf)];

  function add(id: string, wish: KeyWish, secret: string): KeyRecord {
    const key = recordFor(id, wish, { secret, atMs: nowMs() });
    const made = { ...key, revoked: false, previous: null };
    database.insert(made);
    stored.set(id, made);
    sequence += 1;
    return key;
  }

  /** One of the store that lives. */
  function find(id: string): StoredKey {
    if (fileKeys.some((key) => key.id === id))
      throw new ControlError(409, `The key "${id}" belongs to the configuration: change it there.`);
    const key = stored.get(id);
    if (!key) throw new ControlError(404, `There is no key "${id}".`);
    if (key.revoked) throw new ControlError(409, `The key "${id}" is revoked for good.`);
    return key;
  }

  /** What is new comes before what is gone: there is no moment between them in which a key is unknown. */
  function deltasBetween(before: readonly KeyRecord[], after: readonly KeyRecord[]): readonly KeyDelta[] {
    const put = after.filter((key) => !before.some((old) => isDeepStrictEqual(old, key)));
    const gone = before.filter((key) => !after.some(({ sha256 }) => sha256 === key.sha256));
    return [
      ...put.map((key) => ({ sequence: (sequence += 1), type: 'put' as const, key })),
      ...gone.map(({ sha256 }) => ({ sequence: (sequence += 1), type: 'revoke' as const, sha256 })),
    ];
  }

  function keep(key: StoredKey): readonly KeyDelta[] {
    const before = stored.get(key.id);
    database.update(key);
    stored.set(key.id, key);
    return deltasBetween(before ? recordsOf(before) : [], recordsOf(key));
  }

  function replaceFileKeys(given: readonly KeyRecord[]): KeyDelta {
    const keys = withEnvironmentKey(given, env['SLUICE_KEY']);
    refuseClashes(keys, stored.values());
    fileKeys = keys;
    sequence += 1;
    return reset();
  }

  function makeFirstKey(): void {
    add(firstKeyId, firstWish, firstSecret(firstKeyPath));
  }

  try {
    replaceFileKeys(first);
    if (firstKey && stored.size === 0 && fileKeys.length === 0) makeFirstKey();
    const adminToken = Buffer.from(adminTokenHash(directory, database, env['SLUICE_ADMIN_TOKEN']), 'hex');
    return {
      reset,
      list: () => [...fileKeys.map((key) => viewOf(key, false)), ...[...stored.values()].map(storedView)],
      create(wish) {
        if (liveKeys().some((key) => key.name === wish.name))
          throw new ControlError(409, `There is a key "${wish.name}" already.`);
        const secret = newSecret();
        const key = add(newKeyId(), wish, secret);
        return { key: viewOf(key, false), secret, delta: { sequence, type: 'put', key } };
      },
      change(id, change) {
        const key = find(id);
        if (
          change.name !== undefined &&
          liveKeys().some((each) => each.id !== id && each.name === change.name)
        )
          throw new ControlError(409, `There is a key "${change.name}" already.`);
        const changed = { ...key, ...change };
        return { deltas: keep(changed), key: storedView(changed) };
      },
      rotate(id, overlapMs) {
        const key = find(id);
        const secret = newSecret();
        const rotated = rotatedFrom(key, { sha256: sha256Hex(secret), untilMs: nowMs() + overlapMs });
        if (id === firstKeyId) rmSync(firstKeyPath, { force: true });
        return { secret, deltas: keep(rotated), key: storedView(rotated) };
      },
      revoke(id) {
        if (fileKeys.some((key) => key.id === id))
          throw new ControlError(409, `The key "${id}" belongs to the configuration: remove it there.`);
        const key = stored.get(id);
        if (!key) throw new ControlError(404, `There is no key "${id}".`);
        if (key.revoked) return [];
        database.revoke(id, nowMs());
        stored.set(id, { ...key, revoked: true });
        if (id === firstKeyId) rmSync(firstKeyPath, { force: true });
        return deltasBetween(recordsOf(key), []);
      },
      stored: () => [...stored.values()],
      adopt(key) {
        const known = stored.get(key.id);
        if (known?.revoked || isDeepStrictEqual(known, key)) return [];
        if (!key.revoked || !known) refuseClashes(fileKeys, [key]);
        if (!known) database.insert(key);
        else if (!key.revoked) database.update(key);
        if (key.revoked) database.revoke(key.id, nowMs());
        const isFirst = key.id === firstKeyId;
        if (isFirst && (key.revoked || (known && known.sha256 !== key.sha256)))
          rmSync(firstKeyPath, { force: true });
        stored.set(key.id, key);
        return deltasBetween(known ? recordsOf(known) : [], recordsOf(key));
      },
      replaceFileKeys,
      firstKey() {
        const key = stored.get(firstKeyId);
        return key && !key.revoked ? readSecretFile(firstKeyPath) : null;
      },
      verifyAdminToken: (token) => timingSafeEqual(hash('sha256', token, 'buffer'), adminToken),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

export const newSecret = (): string => secretPrefix + randomBase62(32);
export const newKeyId = (): string => `key-${randomBase62(16)}`;

/** What is on record of a key that is made. */
export function recordFor(
  id: string,
  { name, project, team, models = null, expiresAtMs = null, groups = [] }: KeyWish,
  { secret, atMs }: { readonly secret: string; readonly atMs: number },
): KeyRecord {
  const sha256 = sha256Hex(secret);
  const owner = { project, team, groups, models };
  return { id, name, sha256, ...owner, expiresAtMs, createdAtMs: atMs, master: 'store' };
}

/** A crash may have come between file and database: what people may have read already must be the key. */
export function firstSecret(path: string): string {
  const left = readSecretFile(path);
  const secret = left && secretShape.test(left) ? left : newSecret();
  if (secret !== left) writeSecretFile(path, secret);
  return secret;
}

/** A key of the environment changes only from there, like a file's. */
function withEnvironmentKey(keys: readonly KeyRecord[], secret: string | undefined): readonly KeyRecord[] {
  if (!secret) return keys;
  const sha256 = sha256Hex(secret);
  if (keys.some((key) => key.sha256 === sha256)) return keys;
  const key: KeyRecord = {
    id: 'env:SLUICE_KEY',
    name: 'SLUICE_KEY',
    sha256,
    ...firstOwner,
    groups: [],
    expiresAtMs: null,
    models: null,
    createdAtMs: 0,
    master: 'file',
  };
  return [...keys, key];
}

/** @throws Error */
function refuseClashes(keys: readonly KeyRecord[], stored: Iterable<StoredKey>): void {
  const owners = new Map<string, string>();
  for (const { sha256, name, revoked, previous } of stored)
    for (const each of [sha256, ...(previous ? [previous.sha256] : [])])
      owners.set(each, revoked ? `the revoked key "${name}"` : `the key "${name}" of the store`);
  for (const { sha256, name } of keys) {
    const owner = owners.get(sha256);
    if (owner) throw new Error(`The key "${name}" has the same secret as ${owner}.`);
    owners.set(sha256, `the key "${name}"`);
  }
}

function adminTokenHash(directory: string, database: KeyDatabase, given: string | undefined): string {
  if (given) {
    if (given.length < leastAdminToken)
      throw new Error(`SLUICE_ADMIN_TOKEN must have at least ${leastAdminToken} characters.`);
    return sha256Hex(given);
  }
  const known = database.setting('admin-token-sha256');
  if (known !== null) return known;
  const token = `sluice-admin-${randomBase62(32)}`;
  writeSecretFile(join(directory, 'admin-token'), token);
  database.setSetting('admin-token-sha256', sha256Hex(token));
  return sha256Hex(token);
}

/** What is in force of it: itself, and once more under the secret before. */
function recordsOf({ revoked, previous, ...key }: StoredKey): KeyRecord[] {
  if (revoked) return [];
  if (previous === null) return [key];
  const expiresAtMs = Math.min(previous.expiresAtMs, key.expiresAtMs ?? Infinity);
  return [key, { ...key, sha256: previous.sha256, expiresAtMs }];
}

/** Of two secrets before, only the later one may stay. */
export const rotatedFrom = (
  key: StoredKey,
  { sha256, untilMs }: { readonly sha256: string; readonly untilMs: number },
): StoredKey => ({ ...key, sha256, previous: { sha256: key.sha256, expiresAtMs: untilMs } });

export function storedView({ previous, revoked, ...key }: StoredKey): KeyView {
  return { ...viewOf(key, revoked), ...(previous ? { previousUntilMs: previous.expiresAtMs } : {}) };
}

export function viewOf({ sha256: _sha256, ...key }: KeyRecord, revoked: boolean): KeyView {
  return { ...key, revoked };
}
