import { dirname, join, relative, resolve } from 'node:path';
import type { PolicyFiles } from '#core/policy-files.ts';
import { readDocument } from '#config/load.ts';
import { placesIn } from '#config/places.ts';
import { ConfigError } from '#config/problem.ts';
import { fillReferences, type ReferenceScope } from '#config/references.ts';
import { inspectPolicies, PolicyFileError, readPolicyFolder } from '#extensions/index.ts';
import { policySchemas } from '#policies/schemas.ts';

export interface PolicyLoading {
  /** Those that run already. */
  readonly inForce: PolicyFiles | null;
  /** False: no others are loaded, whatever the document says. */
  readonly mayLoad: boolean;
}

/**
 * The policies of the folder that a document names; null where it names none. Their code is run, in a thread that is thrown away, to
 * see what it defines.
 * @throws ConfigError with the place in the policy's file.
 */
export function loadPolicyFiles(
  text: string,
  { path, env }: ReferenceScope,
  { inForce, mayLoad }: PolicyLoading = { inForce: null, mayLoad: true },
): PolicyFiles | null {
  if (!text.includes('policyFolder')) return null;
  const source = path ?? 'configuration';
  const { policyFolder: named } = readDocument(text, source).written as { policyFolder?: unknown };
  // What is no text the schema refuses.
  if (typeof named !== 'string' || named === '') return null;
  if (!mayLoad) return inForce;
  let folder = named;
  try {
    folder = resolve(path === null ? '.' : dirname(path), fillReferences(named, { env, path }));
    const sources = readPolicyFolder(folder);
    const isSame = sources.digest === inForce?.digest && sources.folder === inForce.folder;
    const kinds = isSame ? inForce.kinds : inspectPolicies(sources);
    for (const { name, file } of kinds)
      if (policySchemas.has(name) || name === 'when')
        throw new PolicyFileError(`the name "${name}" is one of the gateway's own`, { file });
    return { ...sources, kinds };
  } catch (error) {
    const { message } = error as Error;
    if (!(error instanceof PolicyFileError) || error.place.file === '')
      throw new ConfigError([{ ...placesIn(text)(['policyFolder']), message }], source);
    const { file, line = 0, column = 1 } = error.place;
    throw new ConfigError(
      [{ path: '', message, line, column: Math.max(column, 1) }],
      shown(join(folder, file)),
    );
  }
}

/** As it is seen from where the gateway was started, where that is shorter. */
function shown(path: string): string {
  const near = relative('.', path);
  return near.startsWith('..') ? path : near;
}
