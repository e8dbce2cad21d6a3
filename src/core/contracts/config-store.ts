/** One version of the configuration document. Never changed and never removed. */
export interface ConfigVersion extends ConfigVersionLine {
  /** As it was given; secrets are references in it, filled in by each node for itself. */
  readonly text: string;
}

export interface ConfigVersionLine {
  /** From 1, without gaps. */
  readonly version: number;
  /** SHA-256 of the text. */
  readonly digest: string;
  readonly author: string;
  readonly comment: string;
  readonly madeAtMs: number;
}

/** Where the versions of a configuration are kept whose master is no file. Every call rejects when the store cannot be reached. */
export interface ConfigStore {
  /** Null: there is none yet. */
  latest(): Promise<ConfigVersion | null>;
  read(version: number): Promise<ConfigVersion | null>;
  /** The latest first; from before one of them on, where it is given. */
  list(limit: number, before?: number | null): Promise<readonly ConfigVersionLine[]>;
  /** Makes the version after `after`; null when there is one already: somebody else was first. */
  append(
    document: Pick<ConfigVersion, 'text' | 'digest' | 'author' | 'comment'>,
    after: number,
  ): Promise<ConfigVersion | null>;
}
