import { readFileSync, realpathSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { parseSecretReference, secretKinds, type SecretReference } from '#core/secret-reference.ts';

export interface ReferenceScope {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files are relative to this one; null where there is none. */
  readonly path: string | null;
  /** Whose files nobody may have a document show: what opens this gateway itself lies there. */
  readonly state?: string;
  /** Told of every file that was read, so that it can be watched. */
  onFile?(path: string): void;
  /** What other places keep; absent: nothing of them is at hand. @throws Error that says why it cannot be had. */
  secret?(reference: SecretReference): string;
}

const kinds = ['env', 'file', ...secretKinds].join('|');
const reference = new RegExp(`\\$\\{(${kinds}):([^}]*)\\}`, 'g');
const wholeReference = new RegExp(`^\\$\\{(?:${kinds}):[^}]*\\}$`);
const noReference = new RegExp(`\\$\\{(?!(?:${kinds}):[^}]+\\})[^}]*\\}?`);
/** Of the start, not of the configuration: whoever may write that could have them shown otherwise. */
const ownSecrets: ReadonlySet<string> = new Set(['SLUICE_ADMIN_TOKEN', 'SLUICE_JOIN_TOKEN']);
const maxFileBytes = 1024 * 1024;

/** Is the whole text one reference? */
export const isReference = (text: string): boolean => wholeReference.test(text);

/** Fills `${env:NAME}`, `${file:path}` and what other places keep in. @throws Error naming the reference, never a value. */
export function fillReferences(text: string, scope: ReferenceScope): string {
  const unknown = noReference.exec(text);
  if (unknown)
    throw new Error(
      `${unknown[0].slice(0, 40)} is not a reference; there are \${env:NAME}, \${file:path}, and of other places ${secretKinds.map((kind) => `\${${kind}:…}`).join(', ')}`,
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
    if (kind !== 'file') return fillSecret(whole, { kind: kind as SecretReference['kind'], target }, scope);
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
export function isWithin(path: string, directory: string): boolean {
  const real = (place: string) => {
    try {
      return realpathSync(place);
    } catch {
      return resolve(place);
    }
  };
  return real(path).startsWith(real(directory) + sep);
}

function fillSecret(
  whole: string,
  { kind, target }: { readonly kind: SecretReference['kind']; readonly target: string },
  scope: ReferenceScope,
): string {
  try {
    const wanted = parseSecretReference(kind, target);
    if (!scope.secret) throw new Error('nothing of other places is at hand here');
    return scope.secret(wanted);
  } catch (error) {
    throw new Error(`${whole}: ${(error as Error).message}`, { cause: error });
  }
}
