import { readFileSync } from 'node:fs';
import { dirname, posix, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { DocumentSet } from '#core/document-set.ts';
import type { ReferenceScope } from './references.ts';
import { isWithin } from './references.ts';

/** What of the files' scope is needed to read documents beside a configuration. */
export type DocumentScope = Pick<ReferenceScope, 'path' | 'state' | 'onFile'>;

const maxBytes = 16 * 1024 * 1024;
const maxFiles = 500;
const maxDepth = 200;
/** Nodes that aliases may multiply into. */
const maxAliasCount = 100;
/** Whose values are data, whatever they look like. */
const quoting = new Set(['enum', 'const', 'default', 'example', 'examples']);

/**
 * A document and those that it refers to by `$ref`, from files in the folder of the first one or below. Nothing is fetched.
 * @param entry Relative to the configuration; null: there is none, and `inline` refers to files beside the configuration.
 * @throws Error that says which file, and what is wrong with it.
 */
export function loadDocuments(entry: string | null, inline: unknown, scope: DocumentScope): DocumentSet {
  const base = scope.path === null ? resolve('.') : dirname(resolve(scope.path));
  const first = entry === null ? null : resolve(base, entry);
  const folder = first === null ? base : dirname(first);
  const documents: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const wanted = first === null ? filesIn(inline, '') : [posix.basename(first)];
  for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
    if (path in documents) continue;
    if (Object.keys(documents).length >= maxFiles) throw new Error(`more than ${maxFiles} files`);
    documents[path] = readOne(path, folder, scope);
    wanted.push(...filesIn(documents[path], path));
  }
  return { entry: first === null ? '' : posix.basename(first), documents: { ...documents } };
}

function readOne(path: string, folder: string, scope: DocumentScope): unknown {
  const file = resolve(folder, path);
  if (scope.state !== undefined && isWithin(file, scope.state))
    throw new Error(`${path}: lies in the state directory of this gateway`);
  scope.onFile?.(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, {
      cause: error,
    });
  }
  if (text.length > maxBytes) throw new Error(`${path}: larger than 16 MiB`);
  const value = parseText(text, path);
  if (isDeeper(value)) throw new Error(`${path}: nested deeper than ${maxDepth} levels`);
  return value;
}

function parseText(text: string, path: string): unknown {
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // It may be YAML that begins with a brace.
    }
  }
  const document = parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: true });
  const [problem] = document.errors;
  if (problem) throw new Error(`${path}: ${problem.message.split('\n')[0]}`);
  try {
    return document.toJS({ maxAliasCount });
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** The files that references in a document lead to, below the folder. @throws Error for others. */
function filesIn(root: unknown, from: string): string[] {
  const files = new Set<string>();
  const seen = new Set<object>();
  const open: unknown[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [key, member] of Object.entries(value)) {
      if (key === '$ref' && typeof member === 'string') {
        const file = fileOf(member, from);
        if (file !== null) files.add(file);
      } else if (!quoting.has(key)) open.push(member ?? null);
    }
  }
  return [...files];
}

function fileOf(reference: string, from: string): string | null {
  const target = reference.split('#')[0]!;
  if (target === '') return null;
  const place = from === '' ? 'a schema' : from;
  if (/^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(target))
    throw new Error(
      `${place} refers to "${reference.slice(0, 100)}"; only files beside it, by relative paths, are followed`,
    );
  const path = posix.normalize(posix.join(posix.dirname(from), decoded(target)));
  if (path.startsWith('../'))
    throw new Error(
      `${place} refers to "${reference.slice(0, 100)}", which is above the folder of the first document`,
    );
  return path;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Level by level, since the file decides how deep it is. */
function isDeeper(root: unknown): boolean {
  let level = new Set([root]);
  for (let depth = 0; level.size > 0; depth++) {
    if (depth > maxDepth) return true;
    const below = new Set<unknown>();
    for (const value of level)
      if (typeof value === 'object' && value !== null)
        for (const member of Object.values(value))
          if (typeof member === 'object' && member !== null) below.add(member);
    level = below;
  }
  return false;
}
