import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditChange } from '#core/contracts/audit.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { chainSecretFile, openChainSecret } from './chain-secret.ts';
import { ChainWriter } from './chain-writer.ts';
import { chainFolder } from './places.ts';

export interface OfflineChange {
  /** Whoever runs the command, as the system knows them. */
  readonly user: string;
  /** What was done, such as `ledger.prune`. */
  readonly action: string;
  readonly resource: string;
  /** As it was and as it is, as in `AuditChange`. */
  readonly before: unknown;
  readonly after: unknown;
  /** Master keys that are not in the directory; null: those that are. */
  readonly masterKeys: readonly string[] | null;
}

/**
 * Puts what a command has done to a state directory on the audit log there. Its caller holds the directory's lock, so that nobody else
 * writes the log. Where no gateway has begun a log nothing is recorded. @throws Error when it cannot be opened, or written.
 */
export function recordOffline(stateDirectory: string, change: OfflineChange): void {
  const { user, action, resource, before, after, masterKeys } = change;
  if (!existsSync(join(stateDirectory, chainSecretFile))) return;
  const master = new MasterKey({ directory: stateDirectory, given: masterKeys });
  const writer = new ChainWriter({
    folder: chainFolder(stateDirectory),
    secret: openChainSecret(stateDirectory, master),
    // What is old is for the gateway to say, which knows the rules.
    rules: { keepMs: 0, maxBytes: 0, segmentBytes: Number.MAX_SAFE_INTEGER },
    nowMs: () => Date.now(),
  });
  try {
    const entry: AuditChange = {
      kind: 'change',
      who: { id: user, name: user, via: 'command' },
      ...{ action, resource, before, after, outcome: 'done', reason: null },
      ...{ requestId: null, address: null },
    };
    writer.append([{ ...entry }]);
  } finally {
    writer.close();
  }
}
