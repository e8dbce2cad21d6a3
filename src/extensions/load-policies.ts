import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { PolicySources } from '#core/policy-files.ts';
import { isPolicy } from './marked-policy.ts';
import { editionUrl, hooksOf } from './module-hooks.ts';
import { PolicyFileError } from './policy-file-error.ts';
import { cleanStack, placeIn } from './policy-stack.ts';
import type { PolicyDefinition } from './policy-definition.ts';

export interface LoadedPolicy {
  /** Path below the folder. */
  readonly file: string;
  readonly definition: PolicyDefinition;
}

const entry = /^(?:[^/]+\.(?:ts|mts|js|mjs)|[^/]+\/index\.(?:ts|mts|js|mjs))$/;

/** Each file of the folder, and each `index` of a folder in it, exports one policy. */
export const policyFilesIn = ({ files }: PolicySources): string[] =>
  Object.keys(files).filter((file) => entry.test(file));

/**
 * Runs the code of an edition in this thread, as far as those files need it.
 * @throws PolicyFileError with the place, for code that throws, exports no policy, or one whose name is taken.
 */
export function loadPolicies(sources: PolicySources, files = policyFilesIn(sources)): LoadedPolicy[] {
  const base = editionUrl(sources);
  const require = createRequire(base);
  // Only while it loads: what a policy imports later, it imports as any module does.
  const hooks = registerHooks(hooksOf(sources));
  try {
    const names = new Map<string, string>();
    return files.map((file) => {
      const definition = exportOf(load(require, base, file), file);
      const other = names.get(definition.name);
      if (other !== undefined)
        throw new PolicyFileError(`the name "${definition.name}" is taken by ${other}`, { file });
      names.set(definition.name, file);
      return { file, definition };
    });
  } finally {
    hooks.deregister();
  }
}

function load(require: NodeJS.Require, base: string, file: string): unknown {
  try {
    return require(fileURLToPath(new URL(encodeURI(file), base)));
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    throw new PolicyFileError(messageOf(error), { file, ...placeIn(error) });
  }
}

function messageOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_REQUIRE_ASYNC_MODULE') return 'awaits something at its top level, which a policy cannot';
  const [first] = cleanStack(error.message).split('\n');
  return error.name === 'Error' || error.name === 'TypeError' ? first! : `${error.name}: ${first}`;
}

function exportOf(module: unknown, file: string): PolicyDefinition {
  const exported = (module as { default?: unknown } | null)?.default;
  if (isPolicy(exported)) return exported;
  throw new PolicyFileError(
    'exports no policy: `export default definePolicy({ … })`. What several policies share belongs into a folder of its own',
    { file },
  );
}
