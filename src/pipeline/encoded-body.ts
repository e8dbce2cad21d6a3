import type { AnswerEncoder, EncodedAnswer, EncoderSink } from '#core/contracts/answer-encoder.ts';
import type { Inbound } from '#core/contracts/inbound.ts';

/**
 * An encoder keeps bytes back until it has enough of them. What a slow upstream has sent leaves this long after at the
 * latest; a fast one is not slowed down, and loses next to nothing by a flush every so often.
 */
const flushAfterMs = 10;

export interface EncodedBodyHost {
  readonly inbound: Inbound;
  /** The encoder takes more again. */
  onDrain(): void;
  /** All is written to the client but the end. */
  onEnd(): void;
  onError(error: Error): void;
}

/** A flowing answer on its way through an encoder to the client, at the pace of the slower of the two. */
export class EncodedBody implements EncoderSink {
  readonly #host: EncodedBodyHost;
  readonly #encoder: AnswerEncoder;
  #timer: NodeJS.Timeout | null = null;
  #armed = false;
  #over = false;

  constructor(open: NonNullable<EncodedAnswer['open']>, host: EncodedBodyHost) {
    this.#host = host;
    this.#encoder = open(this);
  }

  /** False: stop until `onDrain`. The chunk is only lent. */
  write(chunk: Buffer): boolean {
    if (this.#over) return true;
    if (!this.#armed) {
      this.#armed = true;
      if (this.#timer) this.#timer.refresh();
      else this.#timer = setTimeout(() => this.#flush(), flushAfterMs);
    }
    return this.#encoder.write(chunk);
  }

  end(): void {
    if (this.#over) return;
    this.#clearTimer();
    this.#encoder.end();
  }

  destroy(): void {
    if (this.#over) return;
    this.#finish();
    this.#encoder.destroy();
  }

  /** The client takes more again. */
  resume(): void {
    if (!this.#over) this.#encoder.resume();
  }

  onData(chunk: Buffer): void {
    if (!this.#over && !this.#host.inbound.write(chunk)) this.#encoder.pause();
  }

  onDrain(): void {
    if (!this.#over) this.#host.onDrain();
  }

  onEnd(): void {
    if (this.#over) return;
    this.#finish();
    this.#host.onEnd();
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#encoder.destroy();
    this.#host.onError(error);
  }

  #flush(): void {
    this.#armed = false;
    if (!this.#over) this.#encoder.flush();
  }

  #finish(): void {
    this.#over = true;
    this.#clearTimer();
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    // Nothing is to be flushed any more.
    this.#armed = true;
  }
}
