import { readFile } from 'node:fs/promises';
import { noCredential } from './no-credential.ts';

/** A file's text; null where there is none. @throws Fault when it cannot be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw noCredential(`${path} cannot be read (${code ?? 'unknown'}).`, error);
  }
}
