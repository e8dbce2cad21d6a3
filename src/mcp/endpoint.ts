import type { Origin, Upstream } from '#core/contracts/upstream.ts';
import type { HeaderList } from '#core/head.ts';
import type { Timeouts } from '#core/target.ts';

/** Where a server is reached over HTTP. */
export interface ToolEndpoint {
  readonly name: string;
  readonly upstream: Upstream;
  readonly origin: Origin;
  /** Path and query. */
  readonly path: string;
  /** Host, and what the operator has it told: its credential among them. */
  readonly headers: HeaderList;
  readonly timeouts: Timeouts;
}
