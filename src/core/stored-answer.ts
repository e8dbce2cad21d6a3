import type { AnswerEvent } from './answer.ts';
import type { AnswerIntake } from './contracts/answer-intake.ts';
import type { Exchange } from './exchange.ts';
import type { HeaderList } from './head.ts';

/** An answer that was kept, to be given in place of one of an upstream. */
export type StoredAnswer = StoredBytes | StoredEvents;

/** Of an http route. */
export interface StoredBytes {
  readonly kind: 'bytes';
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer | null;
  /** Of what an upstream's answer would be charged, in percent. */
  readonly pricePercent: number;
  /** An upstream is asked again beside it; nobody waits for that. */
  readonly renewal?: Renewal;
}

export interface Renewal {
  readonly intake: AnswerIntake;
  /** Changes to the headers of the request. */
  readonly edits: readonly Exchange['upstreamHeaders'][number][];
}

/** Of a model, for a client of any dialect of its surface. */
export interface StoredEvents {
  readonly kind: 'events';
  readonly events: readonly AnswerEvent[];
  /** Headers that say where it comes from. */
  readonly headers: HeaderList;
  readonly provider: string;
  readonly model: string;
  readonly pricePercent: number;
}
