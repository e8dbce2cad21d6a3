import type { MessagePort } from 'node:worker_threads';
import type { AuditChange, AuditedExchange, AuditLog, AuditRules, AuditSink } from '#core/contracts/audit.ts';
import { askThread } from '#storage/embedded/thread/ask-thread.ts';
import type { AuditAnswer, AuditAsk } from './protocol.ts';

const what = 'the audit log';

/** The control plane's side. */
export interface AuditDoor extends AuditLog {
  /** Destroys a project's key; false: there was none. */
  erase(project: string): Promise<boolean>;
  follow(rules: AuditRules): Promise<void>;
}

export function connectAuditLog(port: MessagePort): AuditDoor {
  const asked = askThread<AuditAsk, AuditAnswer>(port, what);
  let failure: string | null = null;
  return {
    get failure() {
      return failure;
    },
    async write(change: AuditChange) {
      try {
        await asked({ type: 'change', change });
        failure = null;
      } catch (error) {
        failure = (error as Error).message;
        throw error;
      }
    },
    erase: async (project) => (await asked({ type: 'erase', project })).erased === true,
    async follow(rules) {
      await asked({ type: 'rules', rules });
    },
  };
}

/** So many entries and characters may wait in one thread. */
const maxWaiting = 10_000;
const maxWaitingCharacters = 16 * 1024 * 1024;
/** Entries are gathered for so long, and then written together. */
const gatherMs = 20;
const againMs = 1000;

/** One thread's line to the audit log. */
export class AuditLine implements AuditSink {
  readonly #ask: (ask: AuditAsk) => Promise<AuditAnswer>;
  #waiting: AuditedExchange[] = [];
  #characters = 0;
  #timer: NodeJS.Timeout | null = null;
  /** What is on its way, in the same words when it must be sent again. */
  #sending: (AuditAsk & { readonly type: 'exchanges' }) | null = null;
  #sendingCharacters = 0;
  #isAsking = false;
  #batch = 0;
  #unsaid = 0;
  #failing = false;
  #idle: (() => void) | null = null;
  /** Entries that were lost, and writes that failed, since the start. */
  dropped = 0;
  failures = 0;

  constructor(port: MessagePort) {
    this.#ask = askThread<AuditAsk, AuditAnswer>(port, what);
  }

  hasRoom(): boolean {
    return !this.#failing && !this.#isFull;
  }

  put(entry: AuditedExchange, mustKeep: boolean): void {
    if (this.#isFull && !mustKeep) {
      this.dropped += 1;
      this.#unsaid += 1;
      return;
    }
    this.#waiting.push(entry);
    this.#characters += charactersOf(entry);
    if (!this.#sending) this.#timer ??= setTimeout(() => this.#send(), gatherMs).unref();
  }

  /** Resolves when all is written, or when a write has failed: then what is left is lost. */
  async close(): Promise<void> {
    if (this.#waiting.length === 0 && !this.#sending) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    if (!this.#isAsking) this.#send();
    await promise;
    if (this.#timer) clearTimeout(this.#timer);
  }

  get #isFull(): boolean {
    const sending = this.#sending?.entries.length ?? 0;
    return (
      this.#waiting.length + sending >= maxWaiting ||
      this.#characters + this.#sendingCharacters >= maxWaitingCharacters
    );
  }

  #send(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#sending) {
      if (this.#waiting.length === 0) return this.#idle?.();
      this.#batch += 1;
      this.#sending = {
        type: 'exchanges',
        batch: this.#batch,
        entries: this.#waiting,
        dropped: this.#unsaid,
      };
      this.#sendingCharacters = this.#characters;
      this.#waiting = [];
      this.#characters = 0;
      this.#unsaid = 0;
    }
    this.#isAsking = true;
    this.#ask(this.#sending).then(
      () => {
        this.#isAsking = false;
        this.#failing = false;
        this.#sending = null;
        this.#sendingCharacters = 0;
        this.#send();
      },
      () => {
        this.#isAsking = false;
        this.failures += 1;
        this.#failing = true;
        if (this.#idle) return this.#idle();
        this.#timer = setTimeout(() => this.#send(), againMs).unref();
      },
    );
  }
}

/** Content is nearly all of it. */
const charactersOf = ({ content }: AuditedExchange): number => 1000 + (content?.length ?? 0);
