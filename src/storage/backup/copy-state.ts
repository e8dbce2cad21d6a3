import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';

interface Manifest {
  readonly format: 1;
  readonly madeAt: string;
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
}

export interface CopyReport {
  readonly files: number;
  readonly bytes: number;
}

const manifestName = 'manifest.json';
/** Of a running process, or made anew by each. */
const passing = /^(?:lock\.(?:db|json)|admin-url)$|\.(?:db-wal|db-shm|db-journal|new)$/;

/**
 * Copies a state directory, also while a gateway runs in it, to a folder that is not there yet. The journal comes first: what
 * is taken in meanwhile is in the database as well, and the same record twice is no news; what is gone from the journal is in the
 * database. Each database is one snapshot.
 * @throws Error when the folder is there, and the file system's or SQLite's own errors; nothing is left behind then.
 */
export async function backUp(stateDirectory: string, to: string): Promise<CopyReport> {
  if (existsSync(to)) throw new Error(`${to} is there already`);
  const draft = `${to}.partial`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    const names = filesIn(stateDirectory);
    const isJournal = (name: string) => name.startsWith('journal/');
    for (const name of [...names.filter(isJournal), ...names.filter((each) => !isJournal(each))])
      copy(join(stateDirectory, name), join(draft, name));
    const files: Manifest['files'][number][] = [];
    for (const path of filesIn(draft)) files.push({ path, ...(await digestOf(join(draft, path))) });
    const manifest: Manifest = { format: 1, madeAt: new Date().toISOString(), files };
    writeFileSync(join(draft, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    for (const path of [...filesIn(draft), '.']) sync(join(draft, path));
    renameSync(draft, to);
    sync(dirname(to));
    return sumOf(files);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Puts a copy where a gateway can start from it. The caller holds the lock of the directory, which has nothing else in it.
 * @throws Error when the directory holds something, or a file is not as it was copied.
 */
export async function restore(from: string, stateDirectory: string): Promise<CopyReport> {
  const manifest = readManifest(from);
  const there = filesIn(stateDirectory);
  if (there.length > 0) throw new Error(`${stateDirectory} is not empty: ${there[0]!} is in it`);
  for (const { path, bytes, sha256 } of manifest.files) {
    const found = await digestOf(join(from, path));
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw new Error(`${join(from, path)} is not as it was copied: the copy is damaged`);
  }
  mkdirSync(join(stateDirectory, 'journal'), { recursive: true, mode: 0o700 });
  for (const { path } of manifest.files) {
    const target = join(stateDirectory, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    copyFileSync(join(from, path), target);
    chmodSync(target, 0o600);
    sync(target);
  }
  sync(stateDirectory);
  return sumOf(manifest.files);
}

/** @throws Error when there is none, or it is of a later version. */
function readManifest(from: string): Manifest {
  const path = join(from, manifestName);
  if (!existsSync(path)) throw new Error(`there is no copy of a state directory at ${from}`);
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  if (manifest.format !== 1)
    throw new Error(`${path} has format ${String(manifest.format)}, this build reads 1`);
  return manifest;
}

/** Paths of what is to be kept, with `/` between folders. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !passing.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(directory, '/').length))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

/** A segment that is gone meanwhile is in the database. */
function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  if (from.endsWith('.db')) return copyDatabase(from, to);
  try {
    copyFileSync(from, to);
    chmodSync(to, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** In one snapshot, whoever writes to it meanwhile (https://www.sqlite.org/lang_vacuum.html#vacuuminto). */
function copyDatabase(from: string, to: string): void {
  const database = new DatabaseSync(from, { readOnly: true, timeout: 10_000 });
  try {
    database.prepare('VACUUM INTO ?').run(to);
  } finally {
    database.close();
  }
  chmodSync(to, 0o600);
}

async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  return { bytes: statSync(path).size, sha256: digest.digest('hex') };
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const sumOf = (files: Manifest['files']): CopyReport => ({
  files: files.length,
  bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
});
