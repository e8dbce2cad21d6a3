import { setTimeout as wait } from 'node:timers/promises';
import type { EdgeChanges, EdgeCursor, EdgeReport } from '#core/contracts/edge.ts';
import type { ControlClient } from './control-client.ts';
import { Pauses } from './pauses.ts';

export interface EdgeLinkParts {
  readonly client: Pick<ControlClient, 'changes' | 'report'>;
  /** What the node has already. */
  cursor(): EdgeCursor;
  /** Puts it in force. What cannot be used is not thrown, but reported. */
  take(changes: EdgeChanges): Promise<void>;
  report(): EdgeReport;
}

const pollMs = 25_000;
const reportEveryMs = 5_000;

/** An edge's line to its control plane: hears what is new there, and says how the node fares. */
export class EdgeLink {
  readonly #parts: EdgeLinkParts;
  readonly #ending = new AbortController();
  #failure: string | null = null;
  #hearing: Promise<unknown> = Promise.resolve();

  constructor(parts: EdgeLinkParts) {
    this.#parts = parts;
  }

  /** Why the control plane could not be asked last; null: it could. */
  get failure(): string | null {
    return this.#failure;
  }

  start(): void {
    this.#hearing = Promise.all([this.#hear(), this.#tell()]);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#hearing;
  }

  async #hear(): Promise<void> {
    const pauses = new Pauses();
    while (!this.#isEnding) {
      try {
        // After a failure an answer at once says that the line is there again.
        const changes = await this.#parts.client.changes(this.#parts.cursor(), {
          waitMs: this.#failure === null ? pollMs : 0,
          signal: this.#ending.signal,
        });
        if (this.#isEnding) return;
        await this.#parts.take(changes);
        this.#failure = null;
        pauses.reset();
        void this.#report();
      } catch (error) {
        if (this.#isEnding) return;
        this.#failure = (error as Error).message;
        await this.#rest(pauses.next());
      }
    }
  }

  async #tell(): Promise<void> {
    while (!this.#isEnding) {
      await this.#report();
      await this.#rest(reportEveryMs);
    }
  }

  /** One that is lost is followed by another. */
  #report(): Promise<void> {
    return this.#parts.client.report(this.#parts.report()).catch(() => undefined);
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  #rest(ms: number): Promise<void> {
    return wait(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }
}
