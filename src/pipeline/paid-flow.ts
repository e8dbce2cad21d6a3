import type { Allowance } from '#core/allowance.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import type { AnswerStream } from './answer-stream.ts';
import { OutputCount } from './output-count.ts';

export interface PaidFlowParts {
  readonly allowance: Allowance;
  readonly stream: AnswerStream;
  readonly tokens: TokenCounter;
  /** How many of the model's tokens one of the counter's is. */
  readonly perCounted: number;
  /** Output of attempts before this one, in tokens: it was paid for, too. */
  readonly earlier: number;
  /** Gives the stream a chunk, and the client what comes of it. */
  pass(chunk: Buffer): void;
  /** Of the upstream. */
  pause(): void;
  resume(): void;
  /** Nothing is left to pay with: the answer ends here. */
  cut(): void;
}

const nothing = Buffer.alloc(0);
/** Tokens: more is asked for when half of the last lease is left, and not earlier than this. */
const longestLead = 256;
/** Bytes from which on it is worth the while to count ahead. */
const leastToCount = 256;
/** Bytes. */
const mostUncounted = 64 * 1024;

/**
 * One stream under an allowance: goes on while what has come is paid for. Leases are asked for ahead, so that a stream with money
 * does not stall; near the end of what is paid for it is counted exactly, and the upstream waits meanwhile. The event that passes the
 * allowance is the last one delivered.
 */
export class PaidFlow {
  readonly #parts: PaidFlowParts;
  readonly #count: OutputCount;
  /** For a count, or for more. */
  isWaiting = false;
  #over = false;
  /** What came while the stream waited. */
  #chunks: Buffer[] = [];
  #after: (() => void) | null = null;
  #asking: Promise<void> | null = null;
  #refused = false;
  #lead: number;

  constructor(parts: PaidFlowParts) {
    this.#parts = parts;
    this.#count = new OutputCount(parts.stream, parts.perCounted);
    this.#lead = leadOf(parts.allowance.outputTokens - parts.earlier);
    parts.stream.isPaid = () => this.#isPaid();
    // The counter may have to be started, which takes longer than the first words.
    if (this.#left < mostUncounted) void parts.tokens.count([' ']);
  }

  /** Of this stream so far in tokens, as well as it is known. */
  get output(): number {
    return this.#count.estimate;
  }

  /** With that of the attempts before. */
  get used(): number {
    return this.#parts.earlier + this.output;
  }

  /** @param chunk Lent: it is copied where it has to wait. */
  take(chunk: Buffer): void {
    if (this.isWaiting) this.#chunks.push(Buffer.from(chunk));
    else this.#push(chunk);
  }

  /** Does the stream wait? Then the step, which ends it, is taken after it: what came before comes first. */
  holds(step: () => void): boolean {
    if (!this.isWaiting) return false;
    this.#after ??= step;
    return true;
  }

  /** The stream is over, whoever ended it. */
  close(): void {
    this.#over = true;
  }

  #push(chunk: Buffer): void {
    this.#parts.pass(chunk);
    if (!this.isWaiting || this.#over) return;
    this.#parts.pause();
    void this.#pay().then((isPaid) => this.#goOn(isPaid));
  }

  #goOn(isPaid: boolean): void {
    if (this.#over) return;
    if (!isPaid) return this.#parts.cut();
    const chunks = [nothing, ...this.#chunks];
    this.#chunks = [];
    this.isWaiting = false;
    for (const chunk of chunks) this.take(chunk);
    if (this.isWaiting || this.#over) return;
    if (this.#after) this.#after();
    else this.#parts.resume();
  }

  get #left(): number {
    return this.#parts.allowance.outputTokens - this.#parts.earlier;
  }

  #isPaid(): boolean {
    const { stream, tokens } = this.#parts;
    const count = this.#count;
    count.hear();
    // Nothing but the end is to come.
    if (stream.state.finished.size > 0 && stream.state.open.length === 0) return true;
    if (!this.#refused && !this.#asking && count.estimate + this.#lead > this.#left) this.#ask();
    const isPaid = count.bound <= this.#left;
    if (!isPaid) this.isWaiting = true;
    else if (!count.isCounting && this.#isWorthCounting) void count.count(tokens);
    return isPaid;
  }

  /** Half way to where it would have to be; and so that what is kept for it does not grow. */
  get #isWorthCounting(): boolean {
    const { bound, uncountedBytes } = this.#count;
    if (uncountedBytes < leastToCount) return false;
    return uncountedBytes >= mostUncounted || bound + uncountedBytes > this.#left;
  }

  #ask(): void {
    const { allowance } = this.#parts;
    const before = allowance.outputTokens;
    const pending = allowance.more(this.used);
    const heard = (): void => {
      const came = allowance.outputTokens - before;
      this.#asking = null;
      this.#refused = came <= 0;
      if (came > 0) this.#lead = leadOf(came);
    };
    if (pending instanceof Promise) this.#asking = pending.then(heard);
    else heard();
  }

  /** Resolves when it is known whether what came is paid for. */
  async #pay(): Promise<boolean> {
    const count = this.#count;
    for (;;) {
      if (count.bound <= this.#left) return true;
      // What was under way knew less.
      if (count.isCounting) await count.count(this.#parts.tokens);
      if (count.bound > this.#left && count.uncountedBytes > 0) await count.count(this.#parts.tokens);
      if (this.#asking) await this.#asking;
      if (count.bound <= this.#left) return true;
      // Others may have given something back since it was refused.
      this.#ask();
      if (this.#asking) await this.#asking;
      if (this.#refused) return count.bound <= this.#left;
    }
  }
}

const leadOf = (lease: number): number => Math.max(1, Math.min(longestLead, Math.floor(lease / 2)));
