import { headerOf, type HeaderList } from '#core/head.ts';
import { meterAnswer, readsBody, type MeterRules } from '#core/meter.ts';
import type { Usage } from '#core/usage.ts';
import type { Passage } from './passage.ts';

/** So much of an answer is kept to be read; of a longer one nothing is known but its headers. */
const maxBodyBytes = 1024 * 1024;

/** How the route's answers are billed; null: they are not. */
export const meterOf = ({ route: { route } }: Passage): MeterRules | null =>
  route.kind === 'http' ? route.meter : null;

/** Looks on as an answer passes, and says what it used. */
export class MeterTap {
  readonly #rules: MeterRules;
  #headers: HeaderList | null = null;
  #chunks: Buffer[] | null = null;
  #bytes = 0;
  #whole = false;

  constructor(rules: MeterRules) {
    this.#rules = rules;
  }

  /** An answer that is refused or a failure used nothing. */
  begin(status: number, headers: HeaderList): void {
    if (status >= 400) return;
    this.#headers = headers;
    const encoding = headerOf(headers, 'content-encoding') ?? 'identity';
    if (readsBody(this.#rules) && encoding === 'identity') this.#chunks = [];
  }

  /** The chunk is lent. */
  take(chunk: Buffer): void {
    if (!this.#chunks) return;
    this.#bytes += chunk.length;
    if (this.#bytes > maxBodyBytes) this.#chunks = null;
    else this.#chunks.push(Buffer.from(chunk));
  }

  end(): void {
    this.#whole = true;
  }

  /** Null where there is nothing to be billed. */
  usage(upstreamMs: number): Usage | null {
    if (!this.#headers) return null;
    const body = this.#whole && this.#chunks ? Buffer.concat(this.#chunks) : null;
    const usage = meterAnswer(this.#rules, { headers: this.#headers, body, upstreamMs });
    return this.#whole
      ? usage
      : { ...usage, source: 'provider_partial', flags: [...usage.flags, 'cut-short'] };
  }
}
