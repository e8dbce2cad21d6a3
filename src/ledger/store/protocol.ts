import type { DeadLetter, LetterQuery, WebhookProgress } from '#core/contracts/outbox.ts';
import type { ExportQuery, UsageQuery } from './queries.ts';
import type { RerateWish } from './rerate.ts';

/** One life of a worker. */
export interface DeadWorker {
  readonly worker: number;
  readonly incarnation: string;
}

/** What the main thread asks of the ledger's thread. */
export type LedgerAsk =
  | { readonly do: 'flush' | 'recover' | 'verify' | 'close' }
  | { readonly do: 'adopt'; readonly worker: number; readonly incarnation: string }
  | { readonly do: 'receive'; readonly node: string; readonly path: string }
  | { readonly do: 'give-up'; readonly node: string; readonly dead: DeadWorker | null }
  | { readonly do: 'windows'; readonly nowMs: number }
  | { readonly do: 'usage'; readonly query: UsageQuery }
  | { readonly do: 'entries'; readonly after: number; readonly limit: number }
  | { readonly do: 'receipt'; readonly receiptId: string }
  | { readonly do: 'rerate'; readonly wish: RerateWish }
  | OutboxAsk
  | { readonly do: 'page'; readonly query: ExportQuery; readonly page: { after: string; limit: number } }
  | {
      readonly do: 'latest';
      readonly query: ExportQuery;
      readonly page: { readonly before: number | null; readonly limit: number };
    };

/** See contracts/outbox.ts. */
export type OutboxAsk =
  | { readonly do: 'end' | 'webhooks' }
  | { readonly do: 'claim'; readonly webhook: string; readonly leaseMs: number }
  | {
      readonly do: 'advance';
      readonly webhook: string;
      readonly progress: WebhookProgress;
      readonly letters: readonly DeadLetter[];
    }
  | { readonly do: 'stop'; readonly webhook: string; readonly reason: string | null }
  | { readonly do: 'letters'; readonly of: LetterQuery; readonly limit: number }
  | { readonly do: 'take-letter'; readonly letter: number };

export interface LedgerCall {
  readonly id: number;
  readonly ask: LedgerAsk;
}

/** What the ledger's thread tells the main thread. */
export type LedgerTell =
  | { readonly ready: true }
  /** So many more segments are on the books. */
  | { readonly committed: number }
  /** It did not work and will be tried again. */
  | { readonly error: Error }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failed: Error };
