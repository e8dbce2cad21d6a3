import type { AuditDoor } from '#audit/connect-audit.ts';
import { ContentKeys } from '#audit/content-keys.ts';
import { readChainSecret } from '#audit/chain-secret.ts';
import { chainFolder } from '#audit/places.ts';
import { searchChain } from '#audit/search-chain.ts';
import { verifyChain } from '#audit/verify-chain.ts';
import type { AuditControl } from '#core/contracts/audit.ts';
import { ControlError } from '#core/contracts/control-plane.ts';
import type { MasterKey } from '#storage/embedded/master-key.ts';

export interface AuditControlParts {
  readonly stateDirectory: string;
  readonly master: MasterKey;
  readonly door: Pick<AuditDoor, 'erase'>;
}

/** The audit log as it can be asked about: read from the disk, beside whoever writes it. */
export function createAuditControl({ stateDirectory, master, door }: AuditControlParts): AuditControl {
  const folder = chainFolder(stateDirectory);
  return {
    search: (query) =>
      reached(() => searchChain({ folder, keys: new ContentKeys(stateDirectory, master) }, query)),
    verify: (expected) =>
      reached(() => verifyChain({ folder, secret: readChainSecret(stateDirectory, master), expected })),
    erase: (project) => reached(async () => ({ erased: await door.erase(project) })),
  };
}

async function reached<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new ControlError(503, (error as Error).message);
  }
}
