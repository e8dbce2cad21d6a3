import type { AnswerEvent } from './answer.ts';
import type { StoredBytes } from './contracts/answer-intake.ts';
import type { HeaderList } from './head.ts';

/** An answer that was kept, to be given in place of one of an upstream. */
export type StoredAnswer = StoredBytes | StoredEvents;

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
