/**
 * Policies of the operator's own, as they were read from their folder and found good: every thread runs this text, whatever becomes
 * of the files meanwhile.
 */
export interface PolicyFiles extends PolicySources {
  readonly kinds: readonly DescribedPolicy[];
}

export interface PolicySources {
  /** Absolute. */
  readonly folder: string;
  /** Of all texts. */
  readonly digest: string;
  /** By their paths below the folder, with `/` between: code and JSON. */
  readonly files: Readonly<Record<string, string>>;
}

/** What is known of a kind without running it. */
export interface DescribedPolicy {
  readonly name: string;
  /** Path below the folder. */
  readonly file: string;
  readonly description: string | null;
  /** JSON Schema of its settings. */
  readonly schema: object;
  /** Those of the gateway's own hooks (`Policy`) that it has. */
  readonly hooks: readonly string[];
  readonly isolated: boolean;
  /** What it reads besides heads. */
  readonly reads: readonly string[];
  /** What a promise of one of its hooks may take. */
  readonly timeoutMs: number;
}
