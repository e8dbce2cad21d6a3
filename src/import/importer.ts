import type { ConfigDocument } from '#config/schema.ts';
import type { ImportReport } from './report.ts';

/** A configuration of another product, as it was read from its file. */
export interface ImportSource {
  /** The file's path as it was given, for the report and for references to it. */
  readonly file: string;
  readonly text: string;
  /** Other files that were named on the command line, by the option's name (`usage-plans`). */
  readonly beside: Readonly<Record<string, string>>;
}

/** What becomes of it. */
export interface Imported {
  /** Checked by nobody yet. Secrets stand in it as `${env:NAME}` only. */
  readonly document: ConfigDocument;
  readonly report: ImportReport;
}

/** Reads the configuration of one other product. A pure function: what it cannot carry over it says in the report. */
export interface Importer {
  /** As on the command line: `openapi`. */
  readonly format: string;
  /** One line for `sluice import --help`. */
  readonly title: string;
  /** @throws ImportError when the text is no configuration of this product at all. */
  import(source: ImportSource): Imported;
}

/** The text cannot be read as what it is said to be. */
export class ImportError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ImportError';
  }
}
