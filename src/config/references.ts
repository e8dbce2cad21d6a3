import { readFileSync, realpathSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';

export interface ReferenceScope {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files are relative to this one; null where there is none. */
  readonly path: string | null;
  /** Whose files nobody may have a document show: what opens this gateway itself lies there. */
  readonly state?: string;
  /** Told of every file that was read, so that it can be watched. */
  onFile?(path: string): void;
}

const reference = /\$\{(env|file):([^}]*)\}/g;
/** Of the start, not of the configuration: whoever may write that could have them shown otherwise. */
const ownSecrets: ReadonlySet<string> = new Set(['SLUICE_ADMIN_TOKEN', 'SLUICE_JOIN_TOKEN']);
const maxFileBytes = 1024 * 1024;

/** Is the whole text one reference? */
export const isReference = (text: string): boolean => /^\$\{(?:env|file):[^}]*\}$/.test(text);

/** Fills `${env:NAME}` and `${file:path}` in. @throws Error naming the reference, never a value. */
export function fillReferences(text: string, scope: ReferenceScope): string {
  const unknown = /\$\{(?!(?:env|file):[^}]+\})[^}]*\}?/.exec(text);
  if (unknown)
    throw new Error(
      `${unknown[0].slice(0, 40)} is not a reference; there are \${env:NAME} and \${file:path}`,
    );
  return text.replace(reference, (whole, kind: string, target: string) => {
    if (kind === 'env') {
      if (ownSecrets.has(target))
        throw new Error(`${whole}: is never filled in: who has it may do everything here`);
      const value = scope.env[target];
      if (value === undefined || value === '')
        throw new Error(`${whole}: the environment variable is not set`);
      return value;
    }
    const path = resolve(scope.path === null ? '.' : dirname(scope.path), target);
    if (scope.state !== undefined && isWithin(path, scope.state))
      throw new Error(`${whole}: is never filled in: it lies in the state directory of this gateway`);
    scope.onFile?.(path);
    let content: string;
    try {
      content = readFileSync(path, 'utf8');
    } catch (error) {
      throw new Error(`${whole}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
    if (content.length > maxFileBytes) throw new Error(`${whole}: larger than 1 MiB`);
    return content.trim();
  });
}

/** By links, too. */
function isWithin(path: string, directory: string): boolean {
  const real = (place: string) => {
    try {
      return realpathSync(place);
    } catch {
      return resolve(place);
    }
  };
  return real(path).startsWith(real(directory) + sep);
}
