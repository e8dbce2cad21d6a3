import { isObject } from '#core/read-json.ts';

interface Kept {
  readonly items: readonly unknown[];
  readonly bytes: number;
}

/** Answers that one WebSocket's later calls may go on from, the latest within a bound. */
export class KeptResponses {
  readonly #limitBytes: number;
  /** In the order in which they were given. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The conversation up to an answer and with it; null for one that is not known (any more). */
  find(id: string): readonly unknown[] | null {
    return this.#kept.get(id)?.items ?? null;
  }

  add(id: string, input: readonly unknown[], output: readonly unknown[]): void {
    this.#forget(id);
    const items = [...input, ...output.filter((item) => !isReference(item))];
    const bytes = JSON.stringify(items).length;
    this.#kept.set(id, { items, bytes });
    this.#bytes += bytes;
    // The last one stays, whatever its size: a body's bound holds for it already.
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes || oldest === id) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#kept.get(id)?.bytes ?? 0;
    this.#kept.delete(id);
  }
}

/** Reasoning that only its maker could look up says nothing, and ids of what is not kept would be refused. */
const isReference = (item: unknown): boolean =>
  isObject(item) && item['type'] === 'reasoning' && typeof item['encrypted_content'] !== 'string';
