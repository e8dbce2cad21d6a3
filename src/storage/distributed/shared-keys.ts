import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ControlError, type KeyView } from '#core/contracts/control-plane.ts';
import type { KeyDelta, KeyRecord } from '#core/key.ts';
import type { PostgresSettings } from '#core/storage-settings.ts';
import { openQuestions, type Questions } from '#postgres/connect.ts';
import { stateOf } from '#postgres/failures.ts';
import { prepare, type Part } from '#postgres/migrate.ts';
import type { StoredKey } from '../embedded/key-database.ts';
import {
  firstKeyId,
  firstSecret,
  firstWish,
  newKeyId,
  newSecret,
  openKeyStore,
  recordFor,
  sha256Hex,
  storedView,
  viewOf,
  type KeyChange,
  type KeyStore,
  type KeyStoreSettings,
  type KeyWish,
} from '../embedded/key-store.ts';
import type { FollowingKeyMaster } from '../key-master.ts';
import { listenFor, type VersionNews } from './listen-for-versions.ts';

export const keysPart: Part = {
  part: 'keys',
  steps: [
    {
      forward: `
  -- Number of the latest change. Whoever changes a key holds its row until the commit, so changes are seen in their order.
  CREATE TABLE key_head (one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one), change BIGINT NOT NULL);
  INSERT INTO key_head VALUES (true, 0);
  CREATE TABLE keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL UNIQUE,
    project TEXT NOT NULL,
    team TEXT NOT NULL,
    expires_at_ms BIGINT,
    models TEXT,
    created_at_ms BIGINT NOT NULL,
    revoked_at TIMESTAMPTZ,
    change BIGINT NOT NULL
  );
  CREATE UNIQUE INDEX keys_by_name ON keys (name) WHERE revoked_at IS NULL;
  CREATE INDEX keys_by_change ON keys (change);
  CREATE FUNCTION announce_key() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('sluice_keys', NEW.change::text); RETURN NULL; END $$;
  CREATE TRIGGER keys_are_announced AFTER INSERT OR UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION announce_key();`,
      back: null,
    },
    {
      forward: `
  ALTER TABLE keys ADD COLUMN groups TEXT NOT NULL DEFAULT '[]', ADD COLUMN previous_sha256 TEXT COLLATE "C",
    ADD COLUMN previous_until_ms BIGINT;`,
      back: `
  ALTER TABLE keys DROP COLUMN groups, DROP COLUMN previous_sha256, DROP COLUMN previous_until_ms;`,
    },
  ],
};

const channel = 'sluice_keys';
/** What a notification that got lost waits for. */
const pollMs = 1_000;
const statementMs = 5_000;
const uniqueViolation = '23505';
const nextChange = 'WITH head AS (UPDATE sluice.key_head SET change = change + 1 RETURNING change)';

export interface SharedKeySettings extends KeyStoreSettings {
  readonly server: PostgresSettings;
  readonly say: (line: string) => void;
}

/**
 * Keys of all nodes, in PostgreSQL. Each node keeps a copy in its own `control.db`: what was in force serves on while the server is
 * away, over restarts too; making and revoking keys needs it. Keys that a node has made alone, before, become all nodes'.
 * @throws as `openKeyStore`, and the server's refusal.
 */
export async function openSharedKeys({
  server,
  say,
  ...settings
}: SharedKeySettings): Promise<FollowingKeyMaster> {
  const local = openKeyStore({ ...settings, firstKey: false });
  const asked = openQuestions({ server, name: 'keys', most: 2, statementMs }, (client) =>
    prepare(client, keysPart),
  );
  const keys = new SharedKeys({ local, asked, say });
  try {
    await keys.begin(settings);
  } catch (error) {
    if ((error as Error).name !== 'DatabaseAway') {
      local.close();
      await asked.close();
      throw error;
    }
    say(`keys: ${(error as Error).message}; those that this node had last are in force`);
  }
  return keys.master(server);
}

class SharedKeys {
  readonly #local: KeyStore;
  readonly #asked: Questions;
  readonly #say: (line: string) => void;
  /** Number of the latest change that was taken over. */
  #change = 0;
  /** Changes are taken over one after the other. */
  #taking: Promise<void> = Promise.resolve();
  #publish: (delta: KeyDelta) => Promise<void> = async () => undefined;
  #listening: VersionNews | null = null;
  #polling: NodeJS.Timeout | null = null;

  constructor(parts: { local: KeyStore; asked: Questions; say: (line: string) => void }) {
    this.#local = parts.local;
    this.#asked = parts.asked;
    this.#say = parts.say;
  }

  /** Brings this node's own keys along, and takes over all. */
  async begin({ directory, fileKeys, env, clock }: KeyStoreSettings): Promise<void> {
    await this.take();
    for (const key of this.#local.stored()) if (!key.revoked) await this.#bring(key);
    const isFirst = this.#change === 0 && fileKeys.length === 0 && !env['SLUICE_KEY'];
    if (isFirst) await this.#makeFirst(join(directory, 'first-key'), clock?.nowMs() ?? Date.now());
    await this.take();
  }

  master(server: PostgresSettings): FollowingKeyMaster {
    const local = this.#local;
    return {
      reset: () => local.reset(),
      list: () => local.list(),
      replaceFileKeys: (keys) => local.replaceFileKeys(keys),
      firstKey: () => local.firstKey(),
      verifyAdminToken: (token) => local.verifyAdminToken(token),
      create: (wish) => this.#create(wish),
      change: (id, change) => this.#changeKey(id, change),
      rotate: (id, overlapMs) => this.#rotate(id, overlapMs),
      revoke: (id) => this.#revoke(id),
      follow: (publish) => {
        this.#publish = publish;
        const look = () => void this.take().catch(() => undefined);
        this.#listening = listenFor(channel, server, look);
        this.#polling = setInterval(look, pollMs);
      },
      close: async () => {
        if (this.#polling) clearInterval(this.#polling);
        await this.#listening?.close();
        await this.#taking;
        await this.#asked.close();
        local.close();
      },
    };
  }

  /** Takes over what has changed anywhere, and publishes it. Rejects when the server cannot be asked. */
  take(): Promise<void> {
    const taken = this.#taking.then(() => this.#takeNext());
    this.#taking = taken.catch(() => undefined);
    return taken;
  }

  async #takeNext(): Promise<void> {
    const rows = await this.#asked.query('SELECT * FROM sluice.keys WHERE change > $1 ORDER BY change', [
      this.#change,
    ]);
    for (const row of rows) {
      const deltas = this.#adopt(storedKeyOf(row));
      this.#change = Number(row['change']);
      for (const delta of deltas) await this.#publish(delta);
    }
  }

  #adopt(key: StoredKey): readonly KeyDelta[] {
    try {
      return this.#local.adopt(key);
    } catch (error) {
      this.#say(`keys: the key "${key.name}" is not in force here: ${(error as Error).message}`);
      return [];
    }
  }

  async #create(wish: KeyWish) {
    const conflict = new ControlError(409, `There is a key "${wish.name}" already.`);
    const [secret, id] = [newSecret(), newKeyId()];
    // One of the configuration is known here; one of the store, to the server.
    if (this.#isOfFile(wish.name)) throw conflict;
    const key = recordFor(id, wish, { secret, atMs: Date.now() });
    try {
      await this.#insert(key);
    } catch (error) {
      throw stateOf(error) === uniqueViolation ? conflict : away(error);
    }
    await this.take().catch((error: unknown) => Promise.reject(away(error)));
    return { key: viewOf(key, false), secret, delta: null };
  }

  #isOfFile(name: string): boolean {
    return this.#local.list().some((key) => !key.revoked && key.master === 'file' && key.name === name);
  }

  async #changeKey(id: string, change: KeyChange) {
    const { name, models, expiresAtMs, groups } = change;
    const conflict = new ControlError(409, `There is a key "${name}" already.`);
    if (name !== undefined && this.#isOfFile(name)) throw conflict;
    const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));
    const set = `name = COALESCE($2, name), groups = COALESCE($3, groups),
      models = CASE WHEN $4::boolean THEN $5 ELSE models END,
      expires_at_ms = CASE WHEN $6::boolean THEN $7::bigint ELSE expires_at_ms END`;
    const values = [
      ...[name ?? null, json(groups), models !== undefined, json(models)],
      ...[expiresAtMs !== undefined, expiresAtMs ?? null],
    ];
    try {
      return { key: await this.#update(id, set, values), deltas: [] };
    } catch (error) {
      throw stateOf(error) === uniqueViolation ? conflict : error;
    }
  }

  async #rotate(id: string, overlapMs: number) {
    const secret = newSecret();
    const set = 'previous_sha256 = sha256, previous_until_ms = $3::bigint, sha256 = $2';
    const key = await this.#update(id, set, [sha256Hex(secret), Date.now() + overlapMs]);
    return { key, secret, deltas: [] };
  }

  /** Changes one that lives, on all nodes; what it is then. */
  async #update(
    id: string,
    set: string,
    values: readonly (string | number | boolean | null)[],
  ): Promise<KeyView> {
    this.#refuseOfFile(id);
    try {
      const [row] = await this.#asked.query(
        `${nextChange} UPDATE sluice.keys SET ${set}, change = head.change
         FROM head WHERE id = $1 AND revoked_at IS NULL RETURNING keys.*`,
        [id, ...values],
      );
      if (!row) await this.#refuseMissing(id);
      await this.take();
      return storedView(storedKeyOf(row!));
    } catch (error) {
      throw error instanceof ControlError || stateOf(error) === uniqueViolation ? error : away(error);
    }
  }

  /** @throws ControlError */
  async #refuseMissing(id: string): Promise<never> {
    const [known] = await this.#asked.query('SELECT id FROM sluice.keys WHERE id = $1', [id]);
    if (known) throw new ControlError(409, `The key "${id}" is revoked for good.`);
    throw new ControlError(404, `There is no key "${id}".`);
  }

  /** @throws ControlError */
  #refuseOfFile(id: string): void {
    if (this.#local.list().some((key) => key.id === id && key.master === 'file'))
      throw new ControlError(409, `The key "${id}" belongs to the configuration: change it there.`);
  }

  async #revoke(id: string): Promise<readonly KeyDelta[]> {
    this.#refuseOfFile(id);
    try {
      const rows = await this.#asked.query(
        `${nextChange} UPDATE sluice.keys SET revoked_at = COALESCE(revoked_at, now()), change = head.change
         FROM head WHERE id = $1 RETURNING id`,
        [id],
      );
      if (rows.length === 0) throw new ControlError(404, `There is no key "${id}".`);
      await this.take();
    } catch (error) {
      throw error instanceof ControlError ? error : away(error);
    }
    return [];
  }

  /** A key that this node made while it was alone. */
  async #bring(key: KeyRecord): Promise<void> {
    try {
      await this.#insert(key);
    } catch (error) {
      if (stateOf(error) !== uniqueViolation) throw error;
      const [known] = await this.#asked.query('SELECT id FROM sluice.keys WHERE id = $1', [key.id]);
      if (!known)
        this.#say(
          `keys: "${key.name}" of this node is not taken over: another node has a key of its name or secret`,
        );
    }
  }

  /** Of many nodes that start at once, one makes it, and has its file. */
  async #makeFirst(path: string, atMs: number): Promise<void> {
    const key = recordFor(firstKeyId, firstWish, { secret: firstSecret(path), atMs });
    try {
      await this.#insert(key);
    } catch (error) {
      if (stateOf(error) !== uniqueViolation) throw error;
      const [made] = await this.#asked.query('SELECT sha256 FROM sluice.keys WHERE id = $1', [firstKeyId]);
      if (made?.['sha256'] !== key.sha256) rmSync(path, { force: true });
    }
  }

  async #insert(key: KeyRecord): Promise<void> {
    const { id, name, sha256, project, team, expiresAtMs, models, createdAtMs, groups } = key;
    await this.#asked.query(
      `${nextChange} INSERT INTO sluice.keys (id, name, sha256, project, team, expires_at_ms, models, created_at_ms, groups, change)
       SELECT $1, $2, $3, $4, $5, $6::bigint, $7, $8::bigint, $9, change FROM head`,
      [
        ...[id, name, sha256, project, team, expiresAtMs, models && JSON.stringify(models), createdAtMs],
        JSON.stringify(groups),
      ],
    );
  }
}

const away = (error: unknown): ControlError => new ControlError(503, (error as Error).message);

const storedKeyOf = (row: Record<string, unknown>): StoredKey => ({
  id: String(row['id']),
  name: String(row['name']),
  sha256: String(row['sha256']),
  project: String(row['project']),
  team: String(row['team']),
  groups: JSON.parse(String(row['groups'])) as string[],
  expiresAtMs: row['expires_at_ms'] === null ? null : Number(row['expires_at_ms']),
  models: row['models'] === null ? null : (JSON.parse(String(row['models'])) as string[]),
  createdAtMs: Number(row['created_at_ms']),
  master: 'store',
  revoked: row['revoked_at'] !== null,
  previous:
    row['previous_sha256'] === null
      ? null
      : { sha256: String(row['previous_sha256']), expiresAtMs: Number(row['previous_until_ms']) },
});
