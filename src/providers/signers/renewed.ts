import type { Clock } from '#core/contracts/clock.ts';

export interface Lent<T> {
  readonly value: T;
  /** Milliseconds since the epoch; null: for good. */
  readonly expiresAtMs: number | null;
}

/** From here on a new one is fetched while the old one is still used; of a short life its last quarter. */
const earlyMs = 5 * 60_000;
/** From here on the old one is not used: it would expire on its way; of a short life its last tenth. */
const lateMs = 30_000;
/** After a failure in the background, until it is tried again. */
const restMs = 10_000;
/** Between two that are dropped: who refuses one after the other will refuse the next one, too. */
const patienceMs = 10_000;

/** Something that expires, kept and renewed in time. However many ask at once, it is fetched once. */
export class Renewed<T> {
  readonly #fetch: () => Promise<Lent<T>>;
  readonly #clock: Clock;
  #lent: Lent<T> | null = null;
  #lentAtMs = 0;
  #underWay: Promise<Lent<T>> | null = null;
  #notBeforeMs = 0;
  #droppedAtMs = -Infinity;

  constructor(fetch: () => Promise<Lent<T>>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** @throws what fetching throws, when there is none that can be used. */
  async get(): Promise<T> {
    const nowMs = this.#clock.nowMs();
    const leftMs = this.#lent ? (this.#lent.expiresAtMs ?? Infinity) - nowMs : 0;
    const lifeMs = this.#lent ? (this.#lent.expiresAtMs ?? Infinity) - this.#lentAtMs : 0;
    if (!this.#lent || leftMs <= Math.min(lateMs, lifeMs / 10)) return (await this.#renew()).value;
    if (leftMs <= Math.min(earlyMs, lifeMs / 4) && nowMs >= this.#notBeforeMs) {
      this.#renew().catch(() => (this.#notBeforeMs = this.#clock.nowMs() + restMs));
    }
    return this.#lent.value;
  }

  /** It was refused. @returns Is another one given when it is next asked for? */
  drop(value: T): boolean {
    if (this.#lent?.value !== value) return true;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#droppedAtMs < patienceMs) return false;
    this.#droppedAtMs = nowMs;
    this.#lent = null;
    return true;
  }

  #renew(): Promise<Lent<T>> {
    this.#underWay ??= this.#fetch()
      .then((lent) => {
        this.#lentAtMs = this.#clock.nowMs();
        return (this.#lent = lent);
      })
      .finally(() => (this.#underWay = null));
    return this.#underWay;
  }
}
