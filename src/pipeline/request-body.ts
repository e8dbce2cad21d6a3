import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/**
 * A request's body as it flows, counted, and ended with a fault when it grows larger than allowed. Up to a bound it is
 * kept, so that it can be opened once more for another attempt.
 */
export class RequestBody implements BodySource, BodySink {
  readonly #source: BodySource;
  readonly #exchange: Exchange;
  readonly #limits: { readonly limitBytes: number; readonly keepBytes: number };
  /** Gets a copy of what flows. */
  tap: BodySink | null = null;
  #sink: BodySink | null = null;
  #opened = false;
  #bytes = 0;
  #kept: Buffer[] | null = [];
  #end: 'end' | Fault | null = null;

  constructor(
    source: BodySource,
    exchange: Exchange,
    limits: { readonly limitBytes: number; readonly keepBytes: number },
  ) {
    this.#source = source;
    this.#exchange = exchange;
    this.#limits = limits;
  }

  get lengthBytes(): number | null {
    return this.#source.lengthBytes;
  }

  /** Can it be given again from its beginning? */
  get replayable(): boolean {
    return !this.#opened || (this.#kept !== null && !(this.#end instanceof Fault));
  }

  /** Has all of it come, and is it kept? */
  get complete(): boolean {
    return this.#end === 'end' && this.#kept !== null;
  }

  /** Why it will never be complete. */
  get fault(): Fault | null {
    return this.#end instanceof Fault ? this.#end : null;
  }

  open(sink: BodySink): void {
    if (!this.#opened) {
      this.#opened = true;
      this.#sink = sink;
      return this.#source.open(this);
    }
    if (!this.replayable) throw new Error('the body of this request is not kept');
    // At most the bound, so it need not be held back.
    for (const chunk of this.#kept!) sink.onData(chunk);
    if (this.#end === 'end') return sink.onEnd();
    this.#sink = sink;
    this.#source.resume();
  }

  /** The attempt that took it has failed. What comes meanwhile waits for the next one. */
  detach(): void {
    if (!this.#opened || this.#end !== null) return;
    this.#sink = null;
    this.#source.pause();
  }

  pause(): void {
    if (this.#end === null) this.#source.pause();
  }

  resume(): void {
    if (this.#end === null) this.#source.resume();
  }

  onData(chunk: Buffer): void {
    if (this.#end !== null) return;
    this.#bytes += chunk.length;
    this.#exchange.requestBytes = this.#bytes;
    const { limitBytes, keepBytes } = this.#limits;
    if (this.#bytes > limitBytes) {
      const message = `The body is larger than the ${limitBytes} bytes this route allows.`;
      return this.onFault(new Fault('request/body-too-large', message));
    }
    // Between two attempts there is nobody else to keep it.
    if (this.#kept && (this.#bytes <= keepBytes || this.#sink === null)) this.#kept.push(chunk);
    else this.#kept = null;
    this.tap?.onData(chunk);
    this.#sink?.onData(chunk);
  }

  onEnd(): void {
    if (this.#end !== null) return;
    this.#end = 'end';
    this.tap?.onEnd();
    const sink = this.#sink;
    this.#sink = null;
    sink?.onEnd();
  }

  onFault(fault: Fault): void {
    if (this.#end !== null) return;
    this.#end = fault;
    this.tap?.onFault(fault);
    this.#kept = null;
    const sink = this.#sink;
    this.#sink = null;
    sink?.onFault(fault);
  }
}
