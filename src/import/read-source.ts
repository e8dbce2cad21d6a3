import { parseDocument } from 'yaml';
import { isObject } from '#core/read-json.ts';
import { ImportError, type ImportSource } from './importer.ts';

const maxCharacters = 16 * 1024 * 1024;
/** Nodes that aliases may multiply into. */
const maxAliasCount = 100;
export const maxDepth = 200;

/** A text of YAML or JSON whose top is a mapping. @throws ImportError */
export function readMapping({ file, text }: Pick<ImportSource, 'file' | 'text'>): Record<string, unknown> {
  if (text.length > maxCharacters) throw new ImportError(`${file}: larger than 16 Mi characters`);
  let value: unknown;
  try {
    value = parseText(text);
  } catch (error) {
    throw new ImportError(`${file}: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw new ImportError(`${file}: expected a mapping at its top`);
  if (isDeeperThan(value, maxDepth)) throw new ImportError(`${file}: nested deeper than ${maxDepth} levels`);
  return value;
}

function parseText(text: string): unknown {
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // It may be YAML that begins with a brace.
    }
  }
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    prettyErrors: true,
  });
  const [problem] = document.errors;
  if (problem) throw new Error(problem.message);
  return document.toJS({ maxAliasCount }) as unknown;
}

/** Without recursion: the text decides how deep this is. */
function isDeeperThan(root: unknown, most: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true;
    const below = new Set<unknown>();
    for (const value of level)
      if (typeof value === 'object' && value !== null)
        for (const member of Object.values(value))
          if (typeof member === 'object' && member !== null) below.add(member);
    level = [...below];
  }
  return false;
}
