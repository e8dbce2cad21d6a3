/** Which JSON Schema a schema is written in. */
export type SchemaDialect = '2020-12' | 'draft-07' | 'openapi-3.0';

export const schemaDialects = ['2020-12', 'draft-07', 'openapi-3.0'] as const;

/** By the word of the schema itself (`$schema`), where it says one that is known. @throws SchemaProblem */
export function dialectOf(root: unknown, otherwise: SchemaDialect): SchemaDialect {
  const said = typeof root === 'object' && root !== null && '$schema' in root ? root.$schema : undefined;
  if (typeof said !== 'string') return otherwise;
  const uri = said.replace(/#$/, '').replace(/^http:/, 'https:');
  if (uri === 'https://json-schema.org/draft/2020-12/schema') return '2020-12';
  if (uri === 'https://json-schema.org/draft-07/schema' || uri === 'https://json-schema.org/draft-06/schema')
    return 'draft-07';
  if (uri === 'https://json-schema.org/draft-04/schema') return 'openapi-3.0';
  throw new SchemaProblem(`"${said.slice(0, 100)}" is not known; drafts 2020-12 and 07 are`);
}

/** A schema that cannot be used, and why. */
export class SchemaProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SchemaProblem';
  }
}
