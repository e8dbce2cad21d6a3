import type { Ask } from '#core/contracts/ask.ts';
import type { Clock } from '#core/contracts/clock.ts';
import { headerOf } from '#core/head.ts';

export interface RemoteRules {
  /** After this it is fetched anew, while the old one still holds. */
  readonly refreshMs: number;
  /** For so long it holds where it cannot be fetched anew. */
  readonly staleMs: number;
  /** Between two fetches, however many ask for a newer one. */
  readonly coolDownMs: number;
}

/** Between two fetches while there is nothing that holds. */
const hurryMs = 2000;

interface Held<T> {
  readonly value: T;
  readonly text: string;
  readonly fetchedAtMs: number;
}

/**
 * A document of another server that is asked for seldom and used by every call. However many want it, it is fetched once; it is
 * renewed in the background; while its server is away the last good one holds, for a bounded time.
 */
export class RemoteDocument<T> {
  readonly #fetch: () => Promise<string>;
  readonly #parse: (text: string) => T;
  readonly #rules: RemoteRules;
  readonly #clock: Clock;
  #held: Held<T> | null = null;
  #underWay: Promise<void> | null = null;
  #askedAtMs = -Infinity;
  #failure: Error | null = null;

  constructor(
    source: { readonly fetch: () => Promise<string>; readonly parse: (text: string) => T },
    rules: RemoteRules,
    clock: Clock,
  ) {
    this.#fetch = source.fetch;
    this.#parse = source.parse;
    this.#rules = rules;
    this.#clock = clock;
  }

  /** What holds now, without waiting; null: nothing does. The same object as long as the document is the same. */
  get current(): T | null {
    if (!this.#held) return null;
    if (this.#ageMs > this.#rules.refreshMs && this.#rested) void this.#renew();
    return this.#holds ? this.#held.value : null;
  }

  /** @throws Error why there is none. */
  async get(): Promise<T> {
    const now = this.current;
    if (now !== null) return now;
    if (this.#underWay || this.#rested) await this.#renew();
    const came = this.current;
    if (came !== null) return came;
    throw this.#failure ?? new Error('it was not fetched');
  }

  /** One that was fetched just now, or lately enough; what holds where that cannot be. @throws Error why there is none. */
  async newer(): Promise<T> {
    if (this.#underWay || this.#rested) await this.#renew();
    return this.get();
  }

  get #ageMs(): number {
    return this.#held ? this.#clock.monotonicMs() - this.#held.fetchedAtMs : Infinity;
  }

  get #holds(): boolean {
    return this.#ageMs <= this.#rules.refreshMs + this.#rules.staleMs;
  }

  get #rested(): boolean {
    const { coolDownMs } = this.#rules;
    const restMs = this.#holds ? coolDownMs : Math.min(coolDownMs, hurryMs);
    return this.#clock.monotonicMs() - this.#askedAtMs >= restMs;
  }

  #renew(): Promise<void> {
    this.#underWay ??= this.#fetchOnce().finally(() => (this.#underWay = null));
    return this.#underWay;
  }

  async #fetchOnce(): Promise<void> {
    this.#askedAtMs = this.#clock.monotonicMs();
    try {
      const text = await this.#fetch();
      const same = this.#held?.text === text;
      const value = same ? this.#held!.value : this.#parse(text);
      this.#held = { value, text, fetchedAtMs: this.#clock.monotonicMs() };
      this.#failure = null;
    } catch (thrown) {
      this.#failure = thrown as Error;
    }
  }
}

export interface JsonSource {
  readonly url: string;
  /** See Question. */
  readonly ca?: string;
  readonly deadlineMs: number;
}

/** The text of a JSON document. @throws Error for every other answer. */
export async function fetchJson(ask: Ask, { url, ca, deadlineMs }: JsonSource): Promise<string> {
  const { status, headers, body } = await ask({
    url,
    method: 'GET',
    headers: ['accept', 'application/json'],
    body: null,
    deadlineMs,
    ...(ca === undefined ? {} : { ca }),
  });
  const type = headerOf(headers, 'content-type') ?? 'no content-type';
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  try {
    JSON.parse(body);
  } catch {
    throw new Error(`${url} answered with ${type}, which is not JSON`);
  }
  return body;
}
