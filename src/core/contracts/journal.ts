import type { Receipt, Subjects } from '../receipt.ts';
import type { EventRecord } from './events.ts';

/** Written before an upstream is called: from here on the attempt cannot be forgotten. */
export interface AttemptIntent {
  readonly exchange: string;
  readonly attempt: number;
  readonly route: string;
  readonly dialect: string;
  readonly requestedModel: string | null;
  readonly provider: string;
  readonly model: string;
  readonly atMs: number;
  readonly admittedAtMs: number;
  readonly subjects: Subjects;
  readonly traceId: string | null;
  /** Tokens expected to go in, by the estimate that was reserved. */
  readonly estimatedInput: number;
  readonly priceVersion: string | null;
  /** What the attempt may cost by that estimate, in nano-units as a decimal: the upper end where its end is not known. */
  readonly estimatedCostNano?: string;
  readonly currency?: string;
  /** What was reserved against limits, so that windows can be rebuilt. */
  readonly reserved: readonly ReservedAmount[];
}

export interface ReservedAmount {
  readonly subject: string;
  readonly windowMs: number;
  readonly amount: number;
}

/** Where a stream stands: written at the first usage and then each second. */
export interface AttemptProgress {
  readonly exchange: string;
  readonly attempt: number;
  readonly atMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The cost so far in nano-units, as a decimal. */
  readonly costNano: string;
  readonly currency: string;
  /** What the customer pays so far, where that is not the cost. */
  readonly charge?: { readonly version: string; readonly currency: string; readonly priceNano: string };
  /** What stands reserved by now, where that is more than the intent says. */
  readonly reserved?: readonly ReservedAmount[];
}

/**
 * The append-only record of one worker. `intent` and `receipt` call back once the record is in the page cache
 * (it survives the process, not the machine), all records of one turn of the event loop in one write; or with an
 * error, in which case the caller must not go on.
 */
export interface Journal {
  intent(record: AttemptIntent, done: (error: Error | null) => void): void;
  progress(record: AttemptProgress): void;
  receipt(record: Receipt, booked: readonly ReservedAmount[], done: (error: Error | null) => void): void;
  event(record: EventRecord, done: (error: Error | null) => void): void;
}
