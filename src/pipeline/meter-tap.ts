import { headerOf, type HeaderList } from '#core/head.ts';
import type { Meter, SaidFigures } from '#core/meter.ts';
import type { Usage } from '#core/usage.ts';
import { MeteredBody } from './metered-body.ts';

export interface TappedCall {
  readonly meter: Meter;
  /** What the request says. */
  readonly asked: Readonly<SaidFigures>;
}

/** Looks on as an answer passes, and says what it used. */
export class MeterTap {
  readonly #meter: Meter;
  readonly #said: SaidFigures;
  #body: MeteredBody | null = null;
  #isBilled = false;
  #bytes = 0;
  #whole = false;
  #refused = false;

  constructor({ meter, asked }: TappedCall) {
    this.#meter = meter;
    this.#said = { ...asked };
  }

  /** An answer that is refused or a failure used nothing. The unit that it must say and does not; null: it may pass. */
  begin(status: number, headers: HeaderList): string | null {
    if (status >= 400) return null;
    this.#isBilled = true;
    Object.assign(this.#said, this.#meter.ofHead(headers));
    const lacking = this.#lacking('head');
    if (lacking === null && this.#meter.readsAnswer)
      this.#body = new MeteredBody(
        {
          encoding: headerOf(headers, 'content-encoding'),
          mediaType: headerOf(headers, 'content-type'),
          maxBytes: this.#meter.maxBodyBytes,
        },
        (document) => this.#meter.addDocument(this.#said, document),
      );
    return lacking;
  }

  /** The chunk is lent. */
  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#body?.take(chunk);
  }

  /** All of it has come. The unit that it does not say, as of `begin`. */
  end(): string | null {
    if (!this.#isBilled) return null;
    this.#whole = true;
    this.#body?.end();
    return this.#lacking('answer');
  }

  #lacking(where: 'head' | 'answer'): string | null {
    const lacking = this.#meter.lacking(this.#said, where);
    if (lacking !== null) this.#refused = true;
    return lacking;
  }

  /** Null where there is nothing to be billed. */
  usage(requestBytes: number, upstreamMs: number): Usage | null {
    if (!this.#isBilled) return null;
    const call = { said: this.#said, requestBytes, answerBytes: this.#bytes, upstreamMs };
    const usage = this.#meter.usage(call);
    if (this.#refused) {
      // Nobody got an answer, so nobody pays for one.
      const { units: _units, ...rest } = usage;
      return { ...rest, flags: [...rest.flags, 'uncertain'] };
    }
    return this.#whole
      ? usage
      : { ...usage, source: 'provider_partial', flags: [...usage.flags, 'cut-short'] };
  }
}
