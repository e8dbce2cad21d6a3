import { newStreamState } from '#core/answer.ts';
import type { AnswerStream } from './answer-stream.ts';
import { Tally } from './tally.ts';

/** Bytes pass as they come: sound and the like, which no policy reads and which no other dialect has. */
export class PassStream implements AnswerStream {
  readonly unread = true;
  readonly state = newStreamState();
  readonly tally = new Tally();
  readonly usage = null;
  readonly fault = null;
  readonly cut = null;
  readonly isPaid = null;
  hasContent = false;
  ended = false;

  push(chunk: Buffer): Buffer {
    this.hasContent = true;
    return chunk;
  }

  /** What is cut short the transport knows: here the end is the end. */
  finish(): null {
    this.ended = true;
    return null;
  }

  stop(): null {
    return null;
  }

  rest(): null {
    return null;
  }
}
