/** Why a connection was not served: the values of a metric's label, and no others. */
export const refusals = [
  'limit',
  'untrusted_peer',
  'proxy_header',
  'timeout',
  'closed',
  'unknown_name',
  'client_certificate',
  'tls_protocol',
] as const;

export type Refusal = (typeof refusals)[number];

/** Open connections of one listener, by thread: each writes its own cell, and all read all. */
export class DoorCounts {
  readonly #cells: Int32Array;
  readonly #own: number;
  readonly #limit: number;
  readonly refused: Record<Refusal, number> = Object.fromEntries(
    refusals.map((reason) => [reason, 0]),
  ) as Record<Refusal, number>;

  /** `limit` 0: any number. What a dead predecessor had open is open no more. */
  constructor({ cells, own, limit }: { cells: Int32Array; own: number; limit: number }) {
    this.#cells = cells;
    this.#own = own;
    this.#limit = limit;
    Atomics.store(cells, own, 0);
  }

  /** In this thread. */
  get open(): number {
    return Atomics.load(this.#cells, this.#own);
  }

  /** Counts one more. False: it is one too many, and not counted. */
  opened(): boolean {
    Atomics.add(this.#cells, this.#own, 1);
    if (this.#limit === 0) return true;
    let open = 0;
    for (let i = 0; i < this.#cells.length; i++) open += Atomics.load(this.#cells, i);
    if (open > this.#limit) this.closed();
    return open <= this.#limit;
  }

  readonly closed = (): void => void Atomics.sub(this.#cells, this.#own, 1);
}
