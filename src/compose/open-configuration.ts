import { isBootstrapOnly } from '#config/bootstrap.ts';
import type { ConfigMasterKind } from '#core/contracts/control-plane.ts';
import type { ConfigStore } from '#core/contracts/config-store.ts';
import { openConfigStore } from '#storage/records/config-versions.ts';
import type { SqlDatabase } from '#storage/records/sql-database.ts';
import { loadWithSecrets, type LoadedConfig, type Opening, type SharedDocument } from './configuration.ts';
import { readLastGood } from './last-good.ts';
import { openJoined, type JoinedStart } from './open-joined.ts';
import { openRecords } from './open-records.ts';
import type { Refusal } from './reloader.ts';

export interface OpenedConfiguration {
  /** Of a node that has joined a control plane. */
  readonly joined: JoinedStart | null;
  readonly first: LoadedConfig;
  readonly kind: ConfigMasterKind;
  readonly records: SqlDatabase;
  /** Null: versions are made elsewhere, or the file is the only one. */
  readonly versions: ConfigStore | null;
  /** The latest version, where this node cannot use it. */
  readonly refused: Refusal | null;
}

/**
 * Finds out who masters the configuration, and loads it from there: the file; the cluster, where the file says only how
 * the node is started and where PostgreSQL is; the store in the state directory, where there is no file, or until
 * something is applied to that, the environment; the control plane that this node joins.
 * @throws ConfigError; Error when the cluster cannot be reached and this node has never served for it.
 */
export async function openConfiguration(opening: Opening): Promise<OpenedConfiguration> {
  const { source, overrides } = opening;
  const own = await loadWithSecrets({ source, overrides, version: 1 });
  const { storage } = own.snapshot;
  const records = openRecords(storage, own.stateDirectory);
  const alone = { records, joined: null };
  try {
    if (opening.join) {
      const opened = await openJoined(opening, { own, address: opening.join });
      return { ...opened, kind: 'control-plane', records, versions: null };
    }
    if (source.path !== null && !(storage.postgres && isBootstrapOnly(own.document)))
      return { ...alone, first: own, kind: 'file', versions: null, refused: null };
    const versions = openConfigStore(records);
    if (source.path !== null)
      return { ...alone, ...(await loadOfCluster(own, versions, opening)), kind: 'cluster', versions };
    const latest = await versions.latest();
    const shared = latest && { text: latest.text, version: latest.version };
    const first = shared ? await loadWithSecrets({ source, overrides, shared, version: 1 }) : own;
    return { ...alone, first, kind: 'store', versions, refused: null };
  } catch (error) {
    await records.close();
    throw error;
  }
}

/** The latest version; the last one that was in force here, where that cannot be had or used. */
async function loadOfCluster(
  own: LoadedConfig,
  versions: ConfigStore,
  opening: Opening,
): Promise<Pick<OpenedConfiguration, 'first' | 'refused'>> {
  const { source, overrides, say } = opening;
  const load = (shared: SharedDocument) => loadWithSecrets({ source, overrides, shared, version: 1 });
  let latest: SharedDocument | null = null;
  try {
    const found = await versions.latest();
    latest = found ? { text: found.text, version: found.version } : nothingYet;
    return { first: await load(latest), refused: null };
  } catch (error) {
    const last = readLastGood(own.stateDirectory);
    const { message } = error as Error;
    if (last === null) {
      if (latest) throw error;
      throw new Error(`${message}. This node has no configuration of an earlier start to go on with.`, {
        cause: error,
      });
    }
    say(`${message}\nversion ${last.version} of the configuration, which this node had last, serves on`);
    return { first: await load(last), refused: latest ? { version: latest.version, reason: message } : null };
  }
}

const nothingYet: SharedDocument = { text: '', version: 0 };
