import { hash } from 'node:crypto';
import type { Clock } from '#core/contracts/clock.ts';
import type { HeaderList } from '#core/head.ts';

/** Of one thread. */
const most = 10_000;

/** Answers that have let a call pass, by the whole question: what differs in one word is asked anew. */
export class Allowances {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #kept = new Map<string, { readonly headers: HeaderList; readonly untilMs: number }>();

  /** @param lifetimeMs 0: none is kept. */
  constructor(clock: Clock, lifetimeMs: number) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
  }

  find(question: HeaderList): HeaderList | undefined {
    if (this.#kept.size === 0) return undefined;
    const name = nameOf(question);
    const kept = this.#kept.get(name);
    if (kept && kept.untilMs > this.#clock.monotonicMs()) return kept.headers;
    this.#kept.delete(name);
    return undefined;
  }

  keep(question: HeaderList, headers: HeaderList): void {
    if (this.#lifetimeMs === 0) return;
    if (this.#kept.size >= most) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(nameOf(question), { headers, untilMs: this.#clock.monotonicMs() + this.#lifetimeMs });
  }
}

/** It holds credentials, and is not kept as it is. */
const nameOf = (question: HeaderList): string => hash('sha256', JSON.stringify(question));
