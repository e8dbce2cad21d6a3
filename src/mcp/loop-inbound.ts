import type { Inbound } from '#core/contracts/inbound.ts';
import type { HeaderList } from '#core/head.ts';
import { InboundBeside } from '#pipeline/recorded/inbound-beside.ts';

/** Makes one answer of those of several steps: it begins once, and ends with the last one. */
export class LoopInbound extends InboundBeside {
  /** Is what ends an answer now its end for the client, too? */
  isLast = false;
  /** Aborted when the client hangs up. */
  readonly left = new AbortController();
  #goneListener: (() => void) | null = null;
  #drainListener: (() => void) | null = null;

  constructor(inner: Inbound) {
    super(inner);
    inner.onGone(() => {
      this.left.abort();
      this.#goneListener?.();
    });
    inner.onDrain(() => this.#drainListener?.());
  }

  override onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  override onDrain(listener: () => void): void {
    this.#drainListener = listener;
  }

  override begin(status: number, headers: HeaderList): void {
    if (!this.begun) this.inner.begin(status, headers);
  }

  /** Of a stream, what came whole is a part of it. */
  override respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    if (this.isLast && !this.begun) return this.inner.respond(status, headers, body);
    this.begin(status, headers);
    if (body !== null && body.length > 0) this.inner.write(body);
    this.end();
  }

  override end(complete?: boolean, trailers?: HeaderList): void {
    if (this.isLast) this.inner.end(complete, trailers);
  }
}
