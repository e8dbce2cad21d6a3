import { ControlRefusal, type ControlClient } from './control-client.ts';
import type { Outbox, OutboxEntry } from './outbox.ts';
import { Pauses } from './pauses.ts';

export interface ShipperParts {
  readonly outbox: Outbox;
  readonly client: Pick<ControlClient, 'send' | 'giveUp'>;
  say(line: string): void;
}

/** Answers that another try does not change: the segment itself is what is wrong. */
const refusals: readonly number[] = [400, 413, 415, 422];

/** Sends what the outbox has, one after the other; what is acknowledged is removed, all else is tried again. */
export class Shipper {
  readonly #parts: ShipperParts;
  readonly #pauses = new Pauses();
  #sending: Promise<void> | null = null;
  #again = false;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(parts: ShipperParts) {
    this.#parts = parts;
  }

  /** What is not acknowledged yet. */
  get lag(): number {
    return this.#parts.outbox.entries().filter(({ type }) => type === 'segment').length;
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#closed || this.#timer) return;
    if (this.#sending) this.#again = true;
    else this.#sending = this.#send().finally(() => (this.#sending = null));
  }

  /** Sends what there is, once; what cannot be sent now is for the next start. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.wake();
    this.#closed = true;
    await this.#sending;
  }

  async #send(): Promise<void> {
    do {
      this.#again = false;
      for (const entry of this.#parts.outbox.entries()) {
        if (await this.#sendOne(entry)) continue;
        if (!this.#closed) this.#later();
        return;
      }
    } while (this.#again);
  }

  /** False: not now. */
  async #sendOne(entry: OutboxEntry): Promise<boolean> {
    const { outbox, client, say } = this.#parts;
    try {
      if (entry.type === 'segment') await client.send(entry.name, outbox.read(entry.name));
      else await client.giveUp(entry.dead);
      outbox.remove(entry.name);
      this.#pauses.reset();
      return true;
    } catch (error) {
      if (!(error instanceof ControlRefusal) || !refusals.includes(error.status)) return false;
      say(`${entry.name} is not sent again: ${error.message}`);
      outbox.setAside(entry.name);
      return true;
    }
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.wake();
    }, this.#pauses.next());
    this.#timer.unref();
  }
}
