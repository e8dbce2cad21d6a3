import type { AnswerRecorder, RecordedEnd } from '#core/contracts/answer-recorder.ts';
import type { CacheClaim, CacheStore } from '#core/contracts/cache-store.ts';
import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import { unavailable, inProgress } from './faults.ts';
import { renderHead } from './kept-answer.ts';

/** What comes is put into the store in pieces of about this size. */
const partBytes = 64 * 1024;
/** "Come again": who does gets an answer of his own (RFC 9110 §15.5.9, RFC 8470, RFC 6585). */
const passing = new Set([408, 409, 425, 429]);

export interface KeeperRules {
  readonly maxBytes: number;
  /** How long an answer is made without its client; 0: not at all. */
  readonly completeWithinMs: number;
}

export interface KeeperParts {
  readonly cache: CacheStore;
  readonly claim: CacheClaim;
  readonly exchange: Exchange;
  readonly rules: KeeperRules;
}

/** Holds the claim on a key while its call runs, and keeps the answer under it, or gives it up. */
export class AnswerKeeper implements AnswerRecorder {
  readonly #parts: KeeperParts;
  #begun: Promise<void> | null = null;
  #head: { readonly status: number; readonly headers: HeaderList } | null = null;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #bytes = 0;
  /** Parts that are on their way to the store, or there. */
  readonly #puts: Promise<void>[] = [];

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  onDispatch(): Promise<void> {
    return (this.#begun ??= this.#begin());
  }

  async #begin(): Promise<void> {
    const { cache, claim } = this.#parts;
    let isOurs: boolean;
    try {
      isOurs = await cache.begin(claim);
    } catch (cause) {
      throw unavailable(cause);
    }
    if (!isOurs) throw inProgress();
  }

  onHead(status: number, headers: HeaderList): void {
    this.#head = { status, headers: [...headers] };
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#isTooLarge) {
      this.#pieces = [];
      return;
    }
    this.#pieces.push(Buffer.from(chunk));
    this.#pieceBytes += chunk.length;
    if (this.#pieceBytes < partBytes) return;
    const { cache, claim } = this.#parts;
    const put = cache.put(claim, this.#puts.length, this.#takePieces());
    // Heard of at the end.
    put.catch(() => undefined);
    this.#puts.push(put);
  }

  goesOnMs(): number {
    return this.#isTooLarge ? 0 : this.#parts.rules.completeWithinMs;
  }

  async onEnd({ complete, trailers }: RecordedEnd): Promise<void> {
    const { cache, claim } = this.#parts;
    if (!complete || !this.#isToBeKept()) return cache.release(claim, 'free');
    try {
      await Promise.all(this.#puts);
      const about = renderHead({ ...this.#head!, trailers });
      const whole = { about, parts: this.#puts.length, rest: this.#takePieces() };
      await cache.finish(claim, this.#isTooLarge ? null : whole);
    } catch (error) {
      // The call was made, and that is all that can be said of it.
      await cache.release(claim, 'lost').catch(() => undefined);
      throw error;
    }
  }

  get #isTooLarge(): boolean {
    return this.#bytes > this.#parts.rules.maxBytes;
  }

  /** Not what a repetition may find better: what has failed on this side, and refusals for which no upstream was asked. */
  #isToBeKept(): boolean {
    const status = this.#head?.status ?? 0;
    if (status < 200 || status >= 500 || passing.has(status)) return false;
    return status < 400 ? this.#parts.exchange.fault === null : this.#begun !== null;
  }

  #takePieces(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return bytes;
  }
}
