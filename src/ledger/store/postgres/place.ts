import type { PostgresServer } from '#postgres/connect.ts';

export interface PostgresPlace {
  readonly server: PostgresServer;
  /** Which node this is: a name that it keeps over restarts and that no other has. */
  readonly node: string;
  /** A node that was not seen for so long is gone, and what it left open is settled by another; 60,000 unless told. */
  readonly goneAfterMs?: number;
}
