import type { AnswerRecorder } from '#core/contracts/answer-recorder.ts';
import type { HeaderList } from '#core/head.ts';
import type { Passage, RecordedAnswer } from '../passage.ts';
import { InboundBeside } from './inbound-beside.ts';

/** Between the exchange and its client from now on, where somebody records what is answered; null: nobody does. */
export function recordingOf(passage: Passage): RecordedAnswer | null {
  if (passage.exchange.recorders.length === 0) return null;
  return (passage.recording ??= new Recording(passage));
}

/**
 * Gives policies what the client is given. Once its receipt is on record the rest of an answer waits here until they have done
 * with it, so that a client that saw the end finds it recorded.
 */
class Recording extends InboundBeside implements RecordedAnswer {
  readonly #passage: Passage;
  readonly #recorders: readonly AnswerRecorder[];
  #begun = false;
  #complete = false;
  #trailers: HeaderList = [];
  /** What the client is to be given, while it waits. */
  #held: (() => void)[] | null = null;
  /** The client has hung up, and the exchange goes on without. */
  #unheard: NodeJS.Timeout | null = null;
  #goneListener: (() => void) | null = null;
  #drainListener: (() => void) | null = null;
  /** The exchange knows that the client has hung up. */
  #told = false;

  constructor(passage: Passage) {
    super(passage.exchange.inbound);
    this.#passage = passage;
    this.#recorders = passage.exchange.recorders;
    this.inner.onGone(() => this.#clientGone());
    passage.exchange.inbound = this;
  }

  override get begun(): boolean {
    return this.#begun || this.inner.begun;
  }

  override get gone(): boolean {
    return this.#told;
  }

  get unheard(): boolean {
    return this.inner.gone && !this.#told;
  }

  override onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.#told) listener();
  }

  override onDrain(listener: () => void): void {
    this.#drainListener = listener;
    this.inner.onDrain(listener);
  }

  override respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.begun || this.#told) return;
    this.#begin(status);
    const bytes = body === null ? null : Buffer.from(body);
    if (bytes && bytes.length > 0) this.#record(bytes);
    this.#complete = true;
    this.#give(() => this.inner.respond(status, headers, bytes));
  }

  override begin(status: number, headers: HeaderList): void {
    if (this.begun || this.#told) return;
    this.#begin(status);
    this.#give(() => this.inner.begin(status, headers));
  }

  override write(chunk: Buffer | string): boolean {
    if (this.#told) return true;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#record(bytes);
    if (this.#held) {
      const copy = Buffer.from(bytes);
      this.#held.push(() => this.inner.write(copy));
      return true;
    }
    const goesOn = this.inner.write(bytes);
    if (this.unheard && this.#patienceMs() === 0) this.#giveUp();
    // Nobody who has gone will ever read on.
    return goesOn || this.inner.gone;
  }

  override end(complete = true, trailers: HeaderList = []): void {
    this.#complete = complete;
    this.#trailers = trailers;
    this.#give(() => this.inner.end(complete, trailers));
  }

  /** The process ends: nobody is waited for any more who does not listen. */
  giveUp(): void {
    if (this.unheard) this.#giveUp();
  }

  async release(answer: { release(): void; abandon(): void }, onRecord: boolean): Promise<void> {
    this.#held = [];
    if (onRecord) answer.release();
    else answer.abandon();
    const end = { complete: this.#complete && onRecord, trailers: this.#trailers };
    for (const recorder of this.#recorders) {
      try {
        await recorder.onEnd(end);
      } catch (error) {
        this.#passage.gateway.observer.failed(this.#passage.exchange, error);
      }
    }
    this.#stopWaiting();
    const held = this.#held;
    this.#held = null;
    for (const give of held) give();
  }

  #give(give: () => void): void {
    if (this.#held) this.#held.push(give);
    else give();
  }

  #begin(status: number): void {
    this.#begun = true;
    const own = this.#passage.own ?? [];
    const headers = own.filter((_, i) => own[i - (i % 2)] !== 'content-length');
    this.#each((recorder) => recorder.onHead(status, headers));
  }

  #record(bytes: Buffer): void {
    this.#each((recorder) => recorder.onData(bytes));
  }

  #each(call: (recorder: AnswerRecorder) => void): void {
    for (const recorder of this.#recorders) {
      try {
        call(recorder);
      } catch (error) {
        this.#passage.gateway.observer.failed(this.#passage.exchange, error);
      }
    }
  }

  #patienceMs(): number {
    return Math.max(...this.#recorders.map((recorder) => recorder.goesOnMs?.() ?? 0));
  }

  #clientGone(): void {
    const patienceMs = this.#patienceMs();
    if (patienceMs <= 0) return this.#tell();
    this.#unheard = setTimeout(() => this.#giveUp(), patienceMs);
    this.#passage.gateway.unheard.add(this);
    // It may have been stopped for a client that read slowly.
    this.#drainListener?.();
  }

  #giveUp(): void {
    this.#stopWaiting();
    this.#tell();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    this.#goneListener?.();
  }

  #stopWaiting(): void {
    if (this.#unheard) clearTimeout(this.#unheard);
    this.#unheard = null;
    this.#passage.gateway.unheard.delete(this);
  }
}
