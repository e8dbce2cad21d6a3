import type { HeaderList } from '../head.ts';

/**
 * A policy's record of one answer as the client is given it: after all that other policies made of it. A policy puts one on
 * `exchange.recorders` before the call is made; from then on `onEnd` comes exactly once, whatever becomes of the exchange. An
 * answer that is recorded goes out in its plain form: no policy encodes it.
 */
export interface AnswerRecorder {
  /**
   * An upstream is about to be asked, and waits for this: called before each attempt, beside the record of its intent. A throw
   * refuses the call.
   */
  onDispatch?(): void | Promise<void>;
  /**
   * The answer begins. The headers are its own: without those that policies add to whatever is answered, that belong to one
   * exchange, or that frame the body.
   */
  onHead(status: number, headers: HeaderList): void;
  /** The chunk is only lent. */
  onData(chunk: Buffer): void;
  /**
   * Nothing more comes, and the receipt is on record. The client is given the answer's end once this has resolved. A rejection is
   * reported as a bug, and changes nothing for the client.
   */
  onEnd(end: RecordedEnd): void | Promise<void>;
  /**
   * For how long the exchange goes on for the sake of this record although the client has hung up, in milliseconds from then;
   * 0: it ends as if there were none. Asked at the hang-up and after each chunk that follows.
   */
  goesOnMs?(): number;
}

export interface RecordedEnd {
  /** The answer came to its regular end. */
  readonly complete: boolean;
  readonly trailers: HeaderList;
}
