import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicySources } from '#core/policy-files.ts';
import { PolicyFileError } from './policy-file-error.ts';

const code = /\.(?:ts|mts|js|mjs|json)$/;
const notForRunning = /\.(?:test|spec)\.\w+$|\.d\.m?ts$|^package(?:-lock)?\.json$|^tsconfig.*\.json$/;
const mostFiles = 500;
const mostBytes = 1024 * 1024;

/** All code below a folder, but for tests, `node_modules` and what begins with a dot. @throws PolicyFileError */
export function readPolicyFolder(folder: string): PolicySources {
  const files: Record<string, string> = {};
  const digest = createHash('sha256');
  for (const path of namesBelow(folder, '')) {
    const text = readText(folder, path);
    files[path] = text;
    digest.update(`${path}\0${text.length}\0${text}\0`);
  }
  return { folder, digest: digest.digest('hex'), files };
}

function namesBelow(folder: string, below: string): string[] {
  const entries = list(folder, below).filter(({ name }) => !name.startsWith('.') && name !== 'node_modules');
  const paths = entries.flatMap((entry) => {
    const path = below + entry.name;
    // A link is what it leads to: mounted folders of containers are made of them.
    if (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(folder, path))))
      return namesBelow(folder, `${path}/`);
    return code.test(entry.name) && !notForRunning.test(entry.name) ? [path] : [];
  });
  if (paths.length > mostFiles)
    throw new PolicyFileError(`more than ${mostFiles} files: is it the right folder?`, { file: '' });
  return paths.sort();
}

function list(folder: string, below: string) {
  try {
    return readdirSync(join(folder, below), { withFileTypes: true });
  } catch (error) {
    const { code: reason } = error as NodeJS.ErrnoException;
    throw new PolicyFileError(`${join(folder, below)} cannot be read (${reason ?? 'unknown'})`, { file: '' });
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readText(folder: string, file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, file));
  } catch (error) {
    throw new PolicyFileError(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, {
      file,
    });
  }
  if (bytes.length > mostBytes) throw new PolicyFileError('larger than 1 MiB', { file });
  return bytes.toString('utf8');
}
