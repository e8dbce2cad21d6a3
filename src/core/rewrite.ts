/** How an http route changes the place that is asked for, before it goes to an upstream. Templates: request-template.ts. */
export interface Rewrite {
  /** In place of the path; null leaves it. */
  readonly path: string | null;
  /** Parameters that are set, in place of any of their names; values are templates. */
  readonly setQuery: Readonly<Record<string, string>>;
  /** Names of parameters that are taken away; `*` is all. */
  readonly removeQuery: readonly string[];
  /** In place of the Host that the upstream is given; null leaves it. */
  readonly host: string | null;
}
