import type { Marker } from './keys.ts';
import type { Link } from './link.ts';

interface Change {
  readonly name: 'debit' | 'settle';
  readonly key: string;
  /** Of debits: the last one that is in it. */
  step: number;
  amounts: readonly number[];
  isSent: boolean;
}

/** Changes that the store has not confirmed; more, and the counters are built anew instead. */
const mostChanges = 50_000;
const portionOfChanges = 500;

/**
 * Debits and settlements on their way. Callers do not wait for them: they go out in the order in which they came, and again, under
 * their id and step, until the store has confirmed them. Debits of one reservation add up for a while, so that streams do not
 * send one for each of their events.
 */
export class Outbox {
  readonly #link: Link;
  readonly #changes = new Set<Change>();
  /** The debit of a reservation that others may still be added to. */
  readonly #gathering = new Map<string, Change>();
  readonly #debitDelayMs: number;
  #gathered: NodeJS.Timeout | null = null;
  readonly #emptied = new Set<() => void>();
  /** Changes that were given up: there were too many. */
  dropped = 0;
  #overflowed = false;

  constructor(link: Link, debitDelayMs: number) {
    this.#link = link;
    this.#debitDelayMs = debitDelayMs;
  }

  get size(): number {
    return this.#changes.size;
  }

  debit(key: string, step: number, amounts: readonly number[]): void {
    const waiting = this.#gathering.get(key);
    if (waiting) {
      waiting.step = step;
      waiting.amounts = waiting.amounts.map((amount, i) => Math.min(2 ** 53 - 1, amount + amounts[i]!));
      return;
    }
    const change = this.#add({ name: 'debit', key, step, amounts, isSent: false });
    if (!change) return;
    if (this.#debitDelayMs === 0) return void this.#send(change);
    this.#gathering.set(key, change);
    this.#gathered ??= setTimeout(() => {
      this.#gathered = null;
      for (const each of [...this.#gathering.values()]) void this.#send(each);
    }, this.#debitDelayMs);
  }

  settle(key: string, used: readonly number[]): void {
    const waiting = this.#gathering.get(key);
    // What was used in all is in the settlement.
    if (waiting) {
      this.#gathering.delete(key);
      this.#changes.delete(waiting);
    }
    const change = this.#add({ name: 'settle', key, step: 0, amounts: used, isSent: false });
    if (change) void this.#send(change);
  }

  /** Sends the debit that is still held back, so that what comes next is counted after it. */
  hurry(key: string): void {
    const waiting = this.#gathering.get(key);
    if (waiting) void this.#send(waiting);
  }

  /** Sends what has come since. */
  resend(): void {
    if (this.#overflowed) return void this.#forget();
    for (const change of [...this.#changes]) if (!change.isSent) void this.#send(change);
  }

  /**
   * Sends what is not confirmed, in portions, before calls are counted again: they would wait behind it.
   * @throws Error when it did not get through; what is left is kept.
   */
  async catchUp(marker: Marker): Promise<void> {
    while (!this.#overflowed) {
      const portion: Change[] = [];
      for (const change of this.#changes) {
        if (!change.isSent && portion.push(change) === portionOfChanges) break;
      }
      if (portion.length === 0) return;
      const sent = await Promise.all(portion.map((change) => this.#send(change, marker)));
      if (sent.includes(false)) throw new Error('what was settled could not be told');
    }
  }

  /** There is more than could be kept: the counters are built anew, from the ledger, which has it. */
  giveUp(): void {
    if (this.#overflowed) return;
    this.#overflowed = true;
    void this.#forget();
  }

  /** The counters are others: what was meant for the old ones is void. */
  clear(): void {
    this.#changes.clear();
    this.#gathering.clear();
    this.#overflowed = false;
  }

  close(): void {
    if (this.#gathered) clearTimeout(this.#gathered);
  }

  /** Resolves when everything is confirmed, or void, or after `ms`. */
  async drained(ms: number): Promise<void> {
    if (this.#changes.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#emptied.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#emptied.delete(resolve);
  }

  #add(change: Change): Change | null {
    if (this.#changes.size >= mostChanges) {
      this.dropped++;
      this.giveUp();
      return null;
    }
    this.#changes.add(change);
    return change;
  }

  /** False: it did not get through, and stays. */
  async #send(change: Change, marker = this.#link.marker): Promise<boolean> {
    const { keys } = this.#link;
    if (marker === null) return false;
    const { name, key, step, amounts } = change;
    if (this.#gathering.get(key) === change) this.#gathering.delete(key);
    change.isSent = true;
    const places = [keys.marker, keys.reservations(marker.epoch) + key];
    try {
      await this.#link.run(
        name === 'debit'
          ? { name, keys: places, args: [marker.text, step, ...amounts] }
          : { name, keys: [...places, keys.heldBy(marker.epoch)], args: [marker.text, key, ...amounts] },
      );
    } catch (error) {
      change.isSent = false;
      this.#link.lose((error as Error).message);
      return false;
    }
    this.#changes.delete(change);
    if (this.#changes.size === 0) for (const resolve of this.#emptied) resolve();
    return true;
  }

  /** Too much was given up for the counters to be right: somebody builds them anew. */
  async #forget(): Promise<void> {
    const { marker, keys } = this.#link;
    if (marker === null) return;
    this.#changes.clear();
    this.#gathering.clear();
    const command = { name: 'forget', keys: [keys.marker], args: [marker.text] } as const;
    try {
      await this.#link.run(command);
      this.#overflowed = false;
    } catch {
      // It is tried again when the store can be used again, or has become void.
    }
    this.#link.lose('too many changes were given up, so the counters are built anew');
  }
}
