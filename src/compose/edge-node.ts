import type { EdgeChanges, EdgeCursor, EdgeReport } from '#core/contracts/edge.ts';
import type { KeyDelta } from '#core/key.ts';
import { EdgeLink } from '#nodes/edge-link.ts';
import type { Outbox } from '#nodes/outbox.ts';
import { Shipper } from '#nodes/shipper.ts';
import type { JoinedKeyStore } from '#storage/embedded/joined-keys.ts';
import type { SharedDocument } from './configuration.ts';
import { keepLastGood } from './last-good.ts';
import { keepJoinedKeys, sharedOf, type JoinedStart } from './open-joined.ts';
import type { Reloader } from './reloader.ts';

export interface EdgeParts {
  readonly joined: JoinedStart;
  readonly stateDirectory: string;
  readonly outbox: Outbox;
  readonly keys: JoinedKeyStore;
  readonly reloader: Reloader;
  /** Resolves when every thread acts upon it. */
  publishKeys(delta: KeyDelta): Promise<void>;
  report(): Omit<EdgeReport, 'lagSegments'>;
  say(line: string): void;
}

const retryMs = 5_000;

/** This node as the edge of a control plane: takes up what is new there, and brings it the journal. */
export class EdgeNode {
  readonly #parts: EdgeParts;
  readonly #link: EdgeLink;
  readonly #shipper: Shipper;
  readonly #retry: NodeJS.Timeout;
  #cursor: EdgeCursor;
  /** A document that could not be used: what it refers to may come. */
  #refused: SharedDocument | null = null;

  constructor(parts: EdgeParts) {
    const { joined, outbox, say } = parts;
    const { client } = joined;
    this.#parts = parts;
    this.#cursor = joined.cursor;
    this.#shipper = new Shipper({ outbox, client, say });
    this.#link = new EdgeLink({
      client,
      cursor: () => this.#cursor,
      take: (changes) => this.#take(changes),
      report: () => ({ ...parts.report(), lagSegments: this.#shipper.lag }),
    });
    this.#retry = setInterval(() => void this.#tryAgain(), retryMs);
    this.#retry.unref();
  }

  /** Why the control plane cannot be asked; null: it can. */
  get failure(): string | null {
    return this.#link.failure;
  }

  start(): void {
    const { shared } = this.#parts.reloader.current;
    if (shared) keepLastGood(this.#parts.stateDirectory, shared);
    this.#link.start();
    this.#shipper.wake();
  }

  /** A segment has come into the outbox. */
  sealed(): void {
    this.#shipper.wake();
  }

  /** Hears nothing any more. */
  async closeLink(): Promise<void> {
    clearInterval(this.#retry);
    await this.#link.close();
  }

  /** Sends what is still to be sent, if it can be sent now. */
  async close(): Promise<void> {
    await this.#shipper.close();
    this.#parts.joined.client.close();
  }

  async #take(changes: EdgeChanges): Promise<void> {
    const { keys: news, document, leasePercent } = changes;
    const { reloader, keys, stateDirectory } = this.#parts;
    if (news) {
      for (const delta of keys.take(news)) await this.#parts.publishKeys(delta);
      const { epoch, sequence } = news;
      keepJoinedKeys(stateDirectory, { epoch, sequence, keys: keys.joined() });
      this.#cursor = { ...this.#cursor, epoch, sequence };
    }
    const current = reloader.current.shared;
    if (document) await this.#use(sharedOf(changes)!);
    else if (current && (current.limitPercent ?? 100) !== leasePercent)
      await this.#use({ ...current, limitPercent: leasePercent });
    if (document) this.#cursor = { ...this.#cursor, digest: document.digest };
    // The line is there again, so what waits may be sent.
    this.#shipper.wake();
  }

  async #use(shared: SharedDocument): Promise<void> {
    const refusal = await this.#parts.reloader.takeShared(shared);
    this.#refused = refusal ? shared : null;
  }

  async #tryAgain(): Promise<void> {
    if (this.#refused) await this.#use(this.#refused);
  }
}
