import type { HeaderList } from '../head.ts';

/**
 * An answer's body on its way into another form (RFC 9110 §8.4). Push-style: what comes out goes to its sink, never
 * before `open` has returned.
 */
export interface AnswerEncoder {
  /** False when it has enough for now: stop until the sink's `onDrain`. The chunk is only lent. */
  write(chunk: Buffer): boolean;
  /** Everything written so far is to come out, as if more could take long. */
  flush(): void;
  /** No more is written; the sink's `onEnd` follows the last of what comes out. */
  end(): void;
  /** Gives back what it holds, at once; the sink hears nothing more. Harmless when it is over. */
  destroy(): void;
  /** Stop and start what comes out. */
  pause(): void;
  resume(): void;
}

/** Exactly one of `onEnd` and `onError` comes, and comes last. */
export interface EncoderSink {
  /** The chunk is the receiver's to keep. */
  onData(chunk: Buffer): void;
  onDrain(): void;
  onEnd(): void;
  onError(error: Error): void;
}

/** What is to be encoded. */
export interface PlainAnswer {
  readonly status: number;
  /** As they would be sent. */
  readonly headers: HeaderList;
  /** Of the body; null when it is not known beforehand. */
  readonly lengthBytes: number | null;
}

export interface EncodedAnswer {
  /** To be sent in place of the plain answer's; without `content-length` where the body becomes another. */
  readonly headers: HeaderList;
  /** Makes the encoder. Null: the body stays as it is, and only the headers are others. */
  readonly open: ((sink: EncoderSink) => AnswerEncoder) | null;
}
