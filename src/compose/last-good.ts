import { hash } from 'node:crypto';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '#storage/embedded/secret-file.ts';
import type { SharedDocument } from './configuration.ts';

const fileOf = (stateDirectory: string): string => join(stateDirectory, 'configuration.json');

/**
 * Keeps the shared document that was in force last, for starts while its master is away. It holds references, no
 * secrets; readable by its owner only all the same.
 */
export function keepLastGood(stateDirectory: string, shared: SharedDocument): void {
  const digest = hash('sha256', shared.text, 'hex');
  writeSecretFile(fileOf(stateDirectory), JSON.stringify({ ...shared, digest }));
}

/** Null: there is none, or it is not what was written. */
export function readLastGood(stateDirectory: string): SharedDocument | null {
  try {
    const kept = JSON.parse(readSecretFile(fileOf(stateDirectory)) ?? 'null') as
      (SharedDocument & { digest: string }) | null;
    if (kept === null || hash('sha256', kept.text, 'hex') !== kept.digest) return null;
    const { digest: _digest, ...shared } = kept;
    return shared;
  } catch {
    return null;
  }
}
