import type { MessagePort } from 'node:worker_threads';
import type { AccountQuery, AccountRow } from '#core/contracts/account.ts';
import type { KeyDelta } from '#core/key.ts';
import type { Snapshot } from '#core/snapshot.ts';
import type { AnswerMemory } from '#storage/embedded/answer-memory/layout.ts';
import type { Report } from '#core/telemetry.ts';
import type { MembersChange } from './upstream-watch.ts';

/** What a data-plane thread is born with. */
export interface WorkerStart {
  readonly index: number;
  /** A small number that no other living thread has: reservations are told apart by it. */
  readonly owner: number;
  /** The same over restarts: journals are told apart by it. */
  readonly incarnation: string;
  /** Of all that share a ledger and counters. */
  readonly nodeId: string;
  readonly snapshot: Snapshot;
  readonly keys: KeyDelta;
  readonly counters: SharedArrayBuffer;
  /** What threads share about estimates. */
  readonly calibration: SharedArrayBuffer;
  /** What threads share about members of pools; this thread's lane in it is `index`. */
  readonly pools: SharedArrayBuffer;
  /** One 32-bit beat for each worker index. */
  readonly heartbeats: SharedArrayBuffer;
  readonly journalDirectory: string;
  /** To the process's token counter. */
  readonly tokenPort: MessagePort;
  /** To the record of what providers keep. */
  readonly keeperPort: MessagePort;
  /** To the record of answers that are kept, and what their keys are derived from. */
  readonly cachePort: MessagePort;
  readonly cacheSecret: Uint8Array;
  /** Answers that can be made again. */
  readonly answers: AnswerMemory;
  /** To the audit log. */
  readonly auditPort: MessagePort;
  /** By the listener's place in the snapshot: the port to take, 0 for any free one. */
  readonly ports: readonly number[];
  readonly reusePort: boolean;
  /** Open connections: for each listener a row, in it a 32-bit cell for each worker index. */
  readonly openConnections: SharedArrayBuffer;
  /** Of TLS sessions, for all threads. */
  readonly ticketSecret: Uint8Array;
}

export type UsageAnswer =
  | { readonly rows: readonly AccountRow[] }
  /** `refused`: the question makes no sense. */
  | { readonly failed: string; readonly refused: boolean };

export type ToWorker =
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'keys'; readonly delta: KeyDelta }
  | ({ readonly type: 'upstream-members' } & MembersChange)
  | { readonly type: 'metrics'; readonly ask: number }
  /** The last report; the next one may come. */
  | { readonly type: 'report-taken' }
  | ({ readonly type: 'usage'; readonly ask: number } & UsageAnswer)
  /** Answers ask their clients to leave. */
  | { readonly type: 'drain' }
  /** Stop accepting, end what runs within the grace, close the journal. */
  | { readonly type: 'close'; readonly graceMs: number };

export type FromWorker =
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  | { readonly type: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly type: 'snapshot-in-force'; readonly version: number }
  | { readonly type: 'snapshot-refused'; readonly version: number; readonly message: string }
  | { readonly type: 'keys-in-force'; readonly sequence: number }
  | { readonly type: 'sealed'; readonly path: string }
  | { readonly type: 'metrics'; readonly ask: number; readonly dump: unknown }
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'usage'; readonly ask: number; readonly query: AccountQuery }
  | { readonly type: 'closed' };
