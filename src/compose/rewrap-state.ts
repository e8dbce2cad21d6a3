import { randomBytes } from 'node:crypto';
import { chainSecretFile } from '#audit/chain-secret.ts';
import { ContentKeys } from '#audit/content-keys.ts';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { writeSecretFile } from '#storage/embedded/secret-file.ts';
import { answersSecretFile } from '#storage/embedded/cache/cache-secret.ts';
import { rewrapSecret } from '#storage/embedded/wrapped-secret.ts';

/**
 * Every key in the state directory under the master key in use. What is under it already stays. Data is not touched.
 * @returns how many were wrapped anew. @throws Error when one is under a key that is not there.
 */
export function rewrapState(directory: string, master: MasterKey): number {
  const secrets = [answersSecretFile, chainSecretFile].filter((name) =>
    rewrapSecret(directory, name, master),
  );
  return secrets.length + new ContentKeys(directory, master).rewrap();
}

/**
 * A new master key in the place of the one that is kept in the state directory, whose lock the caller holds. A crash in between leaves
 * both: then it is done once more.
 */
export function rotateMasterKey(directory: string): number {
  const before = new MasterKey({ directory, given: null });
  const next = randomBytes(32).toString('hex');
  writeSecretFile(before.path, [next, ...before.texts].join('\n'));
  const rewrapped = rewrapState(directory, new MasterKey({ directory, given: null }));
  writeSecretFile(before.path, next);
  return rewrapped;
}
