import type { Child, Children } from '../children.ts';

/** What a variant is started with. */
export interface Placing {
  readonly children: Children;
  readonly core: number;
  /** Where upstream and load run. */
  readonly loadCore: number;
  readonly upstreamPort: number;
  /** Its own, empty, removed afterwards. */
  readonly directory: string;
  readonly threads: number;
  readonly keys: number;
  /** Routes beside those that are asked. */
  readonly otherRoutes: number;
}

export interface Running {
  readonly port: number;
  /** Null when there is nothing between load and upstream. */
  readonly child: Child | null;
  /** Where `GET /metrics` answers, if anywhere. */
  readonly adminPort: number | null;
}

/** One thing to compare. */
export interface Variant {
  readonly name: string;
  /** What was on, for the report. */
  readonly about: string;
  /** Whether it can be started with several threads, many keys or many routes. */
  readonly scales: boolean;
  /** Whether it keeps what is below `/plain/`. */
  readonly caches?: boolean;
  /** Version, for the report. Throws Error when it is not there. */
  version(): string;
  start(placing: Placing): Promise<Running>;
}

/** Keys that the load generator presents: this and six digits. */
export const bearerPrefix = 'sk-bench-';
