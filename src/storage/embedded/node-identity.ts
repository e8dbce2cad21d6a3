import { linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBase62 } from './random-secret.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

const shape = /^[0-9A-Za-z]{16}$/;

/**
 * Who this node is among all: made at the first start and kept in `node` of the state directory, so that it goes with
 * the journal. Whoever copies a state directory takes the file out of the copy.
 * @throws Error when the file says something else.
 */
export function openNodeIdentity(directory: string): string {
  const path = join(directory, 'node');
  const id = readSecretFile(path) ?? make(path) ?? '';
  if (!shape.test(id))
    throw new Error(
      `${path} does not hold the id of a node (16 letters and digits): put it back, or remove it to be a new node`,
    );
  return id;
}

/** Of two that start at once, one makes it and the other reads it. */
function make(path: string): string | null {
  const draft = `${path}.${process.pid}`;
  writeSecretFile(draft, randomBase62(16));
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readSecretFile(path);
}
