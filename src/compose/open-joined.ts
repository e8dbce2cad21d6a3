import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { EdgeChanges, EdgeCursor } from '#core/contracts/edge.ts';
import type { KeyRecord } from '#core/key.ts';
import { ControlClient } from '#nodes/control-client.ts';
import { openNodeIdentity } from '#storage/embedded/node-identity.ts';
import { readSecretFile, writeSecretFile } from '#storage/embedded/secret-file.ts';
import {
  loadWithSecrets,
  type JoinAddress,
  type LoadedConfig,
  type Opening,
  type SharedDocument,
} from './configuration.ts';
import { readLastGood } from './last-good.ts';
import type { Refusal } from './reloader.ts';

/** What an edge has of its control plane, now or of an earlier start. */
export interface JoinedStart {
  readonly client: ControlClient;
  readonly cursor: EdgeCursor;
  /** Made at the control plane. */
  readonly keys: readonly KeyRecord[];
}

/** Keys that the control plane told of, and up to which step. */
interface KeptKeys extends Pick<EdgeCursor, 'epoch' | 'sequence'> {
  readonly keys: readonly KeyRecord[];
}

export interface OpenedJoined {
  readonly first: LoadedConfig;
  readonly refused: Refusal | null;
  readonly joined: JoinedStart;
}

const nothing: EdgeCursor = { digest: '', epoch: '', sequence: 0 };

/**
 * The document and the keys of the control plane; those of the last start where it cannot be reached, or has a document that
 * this node cannot use.
 * @throws Error when there is neither.
 */
export async function openJoined(
  { source, overrides, say }: Opening,
  { own, address }: { readonly own: LoadedConfig; readonly address: JoinAddress },
): Promise<OpenedJoined> {
  const { stateDirectory } = own;
  const client = new ControlClient({ ...address, nodeId: openNodeIdentity(stateDirectory) });
  const load = (shared: SharedDocument) => loadWithSecrets({ source, overrides, shared, version: 1 });
  let changes: EdgeChanges | null = null;
  try {
    changes = await client.changes(nothing, { waitMs: 0 });
    const shared = sharedOf(changes)!;
    const kept = { ...changes.keys!, keys: changes.keys!.all! };
    const first = await load(shared);
    keepJoinedKeys(stateDirectory, kept);
    return {
      first,
      refused: null,
      joined: { client, cursor: { ...kept, digest: changes.document!.digest }, keys: kept.keys },
    };
  } catch (error) {
    const last = readLastGood(stateDirectory);
    const { message } = error as Error;
    if (last === null)
      throw new Error(`${message}. This node has nothing of an earlier start to go on with.`, {
        cause: error,
      });
    say(`${message}\nversion ${last.version} of the configuration, which this node had last, serves on`);
    const kept = readJoinedKeys(stateDirectory);
    return {
      first: await load(last),
      refused: changes ? { version: changes.document!.version, reason: message } : null,
      joined: { client, cursor: { ...kept, digest: hash('sha256', last.text, 'hex') }, keys: kept.keys },
    };
  }
}

/** Null: the document is the one that the edge has. */
export function sharedOf({ document, leasePercent }: EdgeChanges): SharedDocument | null {
  return document && { text: document.text, version: document.version, limitPercent: leasePercent };
}

const fileOf = (stateDirectory: string): string => join(stateDirectory, 'joined-keys.json');

export function keepJoinedKeys(stateDirectory: string, { epoch, sequence, keys }: KeptKeys): void {
  writeSecretFile(fileOf(stateDirectory), JSON.stringify({ epoch, sequence, keys }));
}

/** None where there is no such file, or one that was damaged. */
function readJoinedKeys(stateDirectory: string): KeptKeys {
  try {
    const kept = JSON.parse(readSecretFile(fileOf(stateDirectory)) ?? 'null') as KeptKeys | null;
    if (kept && Array.isArray(kept.keys)) return kept;
  } catch {
    // As if there were none.
  }
  return { epoch: '', sequence: 0, keys: [] };
}
