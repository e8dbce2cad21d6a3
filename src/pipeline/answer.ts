import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import { answerHeaders } from './answer-headers.ts';
import type { Passage } from './passage.ts';

/**
 * An answer that is delivered but for its end. The end is given only when the receipt is on record: a client that saw
 * the end can rely on having been counted.
 */
export interface Answer {
  /** Delivers what was kept back. */
  release(): void;
  /** The receipt could not be written: the client must not take the answer for complete. */
  abandon(): void;
}

/** The client is gone, or has been given everything. */
export const nothingLeft: Answer = { release() {}, abandon() {} };

export interface WholeAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer | string | null;
}

/** An answer in one piece: nothing of it goes out before the release. */
export function wholeAnswer(passage: Passage, whole: WholeAnswer): Answer {
  const { exchange } = passage;
  exchange.status = whole.status;
  const headers = answerHeaders(passage, whole.status, whole.headers);
  return {
    release: () => exchange.inbound.respond(whole.status, headers, whole.body),
    abandon: () =>
      exchange.inbound.respond(503, ['retry-after', '5', 'x-sluice-exchange', exchange.id], null),
  };
}

/** What a policy answered by itself. */
export function shortAnswer(passage: Passage, short: NonNullable<Exchange['shortAnswer']>): Answer {
  return wholeAnswer(passage, short);
}
