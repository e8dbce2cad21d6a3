/** A document and those beside it that it refers to, as they were read from their files. Plain data. */
export interface DocumentSet {
  /** Its path below the folder that all of them are in; empty where there is none. */
  readonly entry: string;
  /** By such paths, with `/` between. */
  readonly documents: Readonly<Record<string, unknown>>;
}

/** What a document of a set is called in references. */
export const documentUri = (path: string): string =>
  `doc:///${path.split('/').map(encodeURIComponent).join('/')}`;
