import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isWrapped, type MasterKey } from './master-key.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

/**
 * 32 bytes of chance that stay the same, in a file of the state directory: made at the first need, and kept encrypted under the
 * master key. One that an earlier version left there as 64 hexadecimal digits is encrypted now.
 * @throws Error when the file holds something else, or the master key is another.
 */
export function wrappedSecret(directory: string, name: string, master: MasterKey): Uint8Array {
  const path = join(directory, name);
  const known = readSecretFile(path);
  if (known !== null && isWrapped(known)) return new Uint8Array(master.unwrap(name, known));
  if (known !== null && !/^[0-9a-f]{64}$/.test(known))
    throw new Error(`${path} holds neither what is encrypted under the master key nor 64 hexadecimal digits`);
  const secret = known === null ? randomBytes(32) : Buffer.from(known, 'hex');
  writeSecretFile(path, master.wrap(name, secret));
  return new Uint8Array(secret);
}

/** Under the master key in use. False: it is, or is not there. */
export function rewrapSecret(directory: string, name: string, master: MasterKey): boolean {
  const path = join(directory, name);
  const known = readSecretFile(path);
  if (known === null || !isWrapped(known) || master.isCurrent(known)) return false;
  writeSecretFile(path, master.wrap(name, master.unwrap(name, known)));
  return true;
}
