import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface ReferenceScope {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files are relative to this one; null where there is none. */
  readonly path: string | null;
  /** Told of every file that was read, so that it can be watched. */
  onFile?(path: string): void;
}

const reference = /\$\{(env|file):([^}]*)\}/g;
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
      const value = scope.env[target];
      if (value === undefined || value === '')
        throw new Error(`${whole}: the environment variable is not set`);
      return value;
    }
    const path = resolve(scope.path === null ? '.' : dirname(scope.path), target);
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
