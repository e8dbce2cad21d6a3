import type { Target } from '../target.ts';
import type { LimitReport } from './dialect.ts';

/**
 * What providers have said of their own limits, shared by all threads of the process and all callers, by provider (and so by its
 * credential) and model: so that calls are held back before the provider would refuse them.
 */
export interface Pace {
  /** Counts a call as under way there, or says that there is no room for it. */
  take(target: Target, tokens: number): PaceTicket | PaceRefusal;
}

/** Exactly one `end` follows. */
export interface PaceTicket {
  readonly refused: false;
  /** The head of the answer has come: what the provider counted of the call is known. */
  heard(head: PaceHead): void;
  end(): void;
}

export interface PaceHead {
  readonly status: number;
  readonly limits: LimitReport | null;
  readonly retryAfterMs: number | null;
}

export interface PaceRefusal {
  readonly refused: true;
  /** Until there could be room; null: as soon as an answer comes. */
  readonly retryAfterMs: number | null;
}
