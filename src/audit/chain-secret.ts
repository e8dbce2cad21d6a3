import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MasterKey } from '#storage/embedded/master-key.ts';
import { readSecretFile, writeSecretFile } from '#storage/embedded/secret-file.ts';
import { writeHead } from './chain-head.ts';
import { chainFolder } from './places.ts';
import { noHash } from './record.ts';

export const chainSecretFile = 'audit-secret';

/** What the chain's head is sealed with; null: nothing was ever recorded here. @throws Error when the master key is another. */
export function readChainSecret(stateDirectory: string, master: MasterKey): Uint8Array | null {
  const text = readSecretFile(join(stateDirectory, chainSecretFile));
  return text === null ? null : new Uint8Array(master.unwrap(chainSecretFile, text));
}

/**
 * The same, made at the first need together with the head of an empty chain: from then on a chain that is not there has been
 * taken away.
 */
export function openChainSecret(stateDirectory: string, master: MasterKey): Uint8Array {
  const folder = chainFolder(stateDirectory);
  const draft = `${folder}.new`;
  let secret = readChainSecret(stateDirectory, master);
  if (secret === null) {
    secret = new Uint8Array(randomBytes(32));
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    writeHead(draft, { segment: 1, bytes: 0, sequence: 0, hash: noHash }, secret);
    writeSecretFile(join(stateDirectory, chainSecretFile), master.wrap(chainSecretFile, secret));
  }
  if (existsSync(draft) && !existsSync(folder)) renameSync(draft, folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return secret;
}
