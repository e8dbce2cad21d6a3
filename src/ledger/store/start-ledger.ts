import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Outbox, OutboxEntry } from '#core/contracts/outbox.ts';
import type { Receipt } from '#core/receipt.ts';
import type { RecoveryReport, StartReport } from './ledger-writer.ts';
import type { LatestReceipts } from './latest-receipts.ts';
import type { LedgerPlace } from './open-books.ts';
import type { DeadWorker, LedgerAsk, LedgerTell } from './protocol.ts';
import type { BookedPane, ExportQuery, UsageQuery, UsageRow } from './queries.ts';
import type { RerateStep, RerateWish } from './rerate.ts';
import type { Verification } from './verify.ts';

export interface LedgerOptions extends LedgerPlace {
  /** The database failed and is tried again, or the thread died. Traffic is not concerned: segments stay on disk. */
  readonly onError: (error: Error) => void;
}

export interface Ledger {
  /** Takes a sealed segment; its file is deleted once it is on the books. */
  sealed(path: string): void;
  /** At start, before any journal is opened: ingests what dead processes left and settles what they left open. */
  recover(): Promise<StartReport>;
  /** The same for one worker that died while the process lives on. */
  adoptIncarnation(worker: number, incarnation: string): Promise<RecoveryReport>;
  /** Takes a segment of another node's journal; resolves when it is on the books and its file deleted. */
  receive(node: string, path: string): Promise<void>;
  /** Settles what that node's dead workers left open: one life of one, or (null) all that were ever heard of. */
  giveUp(node: string, dead: DeadWorker | null): Promise<RecoveryReport>;
  /** What is still inside its window, to rebuild the limits. This and all other questions reject while the database is away. */
  windowsSince(nowMs: number): Promise<BookedPane[]>;
  /** @throws RangeError for an unknown dimension or day. */
  usage(query: UsageQuery): Promise<UsageRow[]>;
  receipt(id: string): Promise<Receipt | null>;
  /** Those before a number of the books (null: the latest), the latest first. */
  latest(
    query: ExportQuery,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<LatestReceipts>;
  verify(): Promise<Verification>;
  /**
   * What came on the books after the number `after` (0: all of it), in the order in which it came; at most `limit`. Whoever
   * goes on from the last number that it was given misses nothing, of any node, and is given nothing twice.
   */
  entries(after: number, limit: number): Promise<OutboxEntry[]>;
  /** Prices a page of receipts anew. */
  rerate(wish: RerateWish): Promise<RerateStep>;
  /** What is to be told to others, and how far each of them is. */
  readonly outbox: Outbox;
  /** Receipts in the order of their ids. */
  export(query: ExportQuery): AsyncGenerator<Receipt>;
  /** Segments that are sealed and not yet on the books. */
  lagSegments(): number;
  /** Resolves when everything sealed so far is on the books. */
  flush(): Promise<void>;
  /** Flushes and ends the thread; what cannot be flushed stays in the journal for the next start. */
  close(): Promise<void>;
}

const pageSize = 500;

/** Starts the ledger on a thread of its own. @throws when the database cannot be opened or is of a later version. */
export async function startLedger(options: LedgerOptions): Promise<Ledger> {
  const thread = new LedgerThread(options);
  await thread.ready;
  return {
    sealed: (path) => thread.sealed(path),
    recover: () => thread.ask({ do: 'recover' }),
    adoptIncarnation: (worker, incarnation) => thread.ask({ do: 'adopt', worker, incarnation }),
    receive: (node, path) => thread.ask({ do: 'receive', node, path }),
    giveUp: (node, dead) => thread.ask({ do: 'give-up', node, dead }),
    windowsSince: (nowMs) => thread.ask({ do: 'windows', nowMs }),
    usage: (query) => thread.ask({ do: 'usage', query }),
    receipt: (receiptId) => thread.ask({ do: 'receipt', receiptId }),
    latest: (query, page) => thread.ask({ do: 'latest', query, page }),
    verify: () => thread.ask({ do: 'verify' }),
    entries: (after, limit) => thread.ask({ do: 'entries', after, limit }),
    rerate: (wish) => thread.ask({ do: 'rerate', wish }),
    outbox: {
      entries: (after, limit) => thread.ask({ do: 'entries', after, limit }),
      end: () => thread.ask({ do: 'end' }),
      claim: (webhook, leaseMs) => thread.ask({ do: 'claim', webhook, leaseMs }),
      advance: (webhook, progress, letters) => thread.ask({ do: 'advance', webhook, progress, letters }),
      stop: (webhook, reason) => thread.ask({ do: 'stop', webhook, reason }),
      letters: (of, limit) => thread.ask({ do: 'letters', of, limit }),
      takeLetter: (letter) => thread.ask({ do: 'take-letter', letter }),
      states: () => thread.ask({ do: 'webhooks' }),
    },
    lagSegments: () => thread.lag,
    flush: () => thread.ask({ do: 'flush' }),
    close: () => thread.close(),
    async *export(query) {
      for (let after = ''; ;) {
        const page = await thread.ask<Receipt[]>({ do: 'page', query, page: { after, limit: pageSize } });
        yield* page;
        if (page.length < pageSize) return;
        after = page.at(-1)!.id;
      }
    },
  };
}

class LedgerThread {
  readonly ready: Promise<void>;
  lag = 0;
  readonly #worker: Worker;
  readonly #onError: (error: Error) => void;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<void>;
  #next = 0;
  #isEnded = false;

  constructor(options: LedgerOptions) {
    const { onError, ...place } = options;
    this.#onError = onError;
    const started = Promise.withResolvers<void>();
    this.ready = started.promise;
    // The same name, as source or compiled.
    const entry = new URL(`./ledger-thread${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(entry, {
      workerData: place,
      name: 'ledger',
      resourceLimits: { maxYoungGenerationSizeMb: 12 },
    });
    this.#worker.on('message', (message: LedgerTell) => {
      if ('ready' in message) started.resolve();
      else this.#take(message);
    });
    let isReady = false;
    void this.ready.then(
      () => (isReady = true),
      () => undefined,
    );
    this.#worker.on('error', (error: Error) => {
      started.reject(error);
      if (isReady) onError(error);
    });
    this.#ended = new Promise((resolve) => this.#worker.on('exit', () => resolve(this.#endAll())));
  }

  sealed(path: string): void {
    this.lag += 1;
    this.#worker.postMessage({ sealed: path });
  }

  ask<T>(ask: LedgerAsk): Promise<T> {
    if (this.#isEnded) return Promise.reject(new Error('the ledger has ended'));
    const id = this.#next;
    this.#next += 1;
    const answer = Promise.withResolvers<unknown>();
    this.#open.set(id, answer);
    this.#worker.postMessage({ id, ask });
    return answer.promise as Promise<T>;
  }

  async close(): Promise<void> {
    if (!this.#isEnded) await this.ask({ do: 'close' });
    await this.#ended;
  }

  #take(message: Exclude<LedgerTell, { ready: true }>): void {
    if ('committed' in message) this.lag -= message.committed;
    else if ('error' in message) this.#onError(message.error);
    else {
      const answer = this.#open.get(message.id);
      this.#open.delete(message.id);
      if ('failed' in message) answer?.reject(message.failed);
      else answer?.resolve(message.value);
    }
  }

  #endAll(): void {
    this.#isEnded = true;
    for (const answer of this.#open.values()) answer.reject(new Error('the ledger has ended'));
    this.#open.clear();
  }
}
