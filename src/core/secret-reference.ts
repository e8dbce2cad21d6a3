/** Kinds of sources, as references begin. */
export const secretKinds = ['vault', 'aws', 'gcp', 'kubernetes'] as const;

/** `${kind:path#field}` in a configuration. */
export interface SecretReference {
  readonly kind: (typeof secretKinds)[number];
  readonly path: string;
  /** Null: the whole. */
  readonly field: string | null;
}

/** What stands between the colon and the brace. @throws Error that says what was expected. */
export function parseSecretReference(kind: SecretReference['kind'], target: string): SecretReference {
  const [, path = '', field] = /^([^#]*)(?:#(.+))?$/.exec(target) ?? [];
  if (path === '' || /(^|\/)\.{1,2}(\/|$)|^\/|\/$|\/\//.test(path))
    throw new Error(`expected a path, as in \${${kind}:some/path#field}`);
  return { kind, path, field: field ?? null };
}
