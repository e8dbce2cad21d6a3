import type { EdgeChanges, EdgeCursor, EdgeDocument } from '#core/contracts/edge.ts';
import type { KeyFeed } from './key-feed.ts';

export interface EdgeDeskParts {
  readonly keys: KeyFeed;
  /** What edges share of the document in force; a text says why they cannot have it. */
  document(): EdgeDocument | { readonly refusal: string };
}

export interface EdgeQuestion {
  readonly cursor: EdgeCursor;
  readonly leasePercent: number;
  /** How long to wait for something new. */
  readonly waitMs: number;
  /** The asker is gone. */
  readonly signal: AbortSignal;
}

/** Where edge nodes ask what is new, and wait for it. */
export class EdgeDesk {
  readonly #parts: EdgeDeskParts;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(parts: EdgeDeskParts) {
    this.#parts = parts;
  }

  /** Something may be new: of the document or of the keys, or of who may ask. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at once when something is new, else with the first news, or without any when the time is over. */
  async changes(question: EdgeQuestion): Promise<EdgeChanges | { readonly refusal: string }> {
    const first = this.#since(question);
    if ('refusal' in first || isNews(first) || question.waitMs === 0 || this.#closed) return first;
    await this.#news(question);
    return this.#since(question);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    this.wake();
  }

  #since({ cursor, leasePercent }: EdgeQuestion): EdgeChanges | { readonly refusal: string } {
    const document = this.#parts.document();
    if ('refusal' in document) return document;
    return {
      document: document.digest === cursor.digest ? null : document,
      keys: this.#parts.keys.since(cursor),
      leasePercent,
    };
  }

  #news({ waitMs, signal }: EdgeQuestion): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      timer.unref();
      signal.addEventListener('abort', end);
      this.#waiting.add(end);
    });
  }
}

const isNews = ({ document, keys }: EdgeChanges): boolean => document !== null || keys !== null;
