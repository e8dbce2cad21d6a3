import { SchemaCompiler, type CompileOptions } from './compile-schema.ts';
import { Run, type Check, type SchemaMismatch } from './run.ts';
import { dialectOf } from './schema-dialect.ts';
import { SchemaDocuments } from './schema-documents.ts';

/** One schema that stands by itself. @throws SchemaProblem */
export function compileSchema(schema: unknown, { dialect, ...options }: CompileOptions): Check {
  const said = dialectOf(schema, dialect);
  const documents = new SchemaDocuments();
  documents.add('doc:///', schema, 'schema', said);
  return new SchemaCompiler(documents, { ...options, dialect: said }).compile(schema);
}

export interface Bounds {
  /** Mismatches that are told. */
  readonly mismatches: number;
  /** See Run. */
  readonly work: number;
}

/** What of a value is not as the schema says; empty: it holds. @throws TooMuchWork */
export function mismatchesOf(
  check: Check,
  value: unknown,
  { mismatches, work }: Bounds,
): readonly SchemaMismatch[] {
  const run = new Run(mismatches, work);
  run.enter(check, value);
  return run.mismatches;
}
