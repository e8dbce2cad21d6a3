import { AsyncLocalStorage } from 'node:async_hooks';
import type { Exchange } from '#core/exchange.ts';
import { isOfPolicy } from './policy-stack.ts';

/** Whose code is running. */
export interface Running {
  readonly policy: string;
  readonly exchange: Exchange | null;
}

/**
 * Catches what a policy throws where nobody waits for it: in a timer, in a promise that it let go. It is reported as the policy's, and
 * nothing comes of it; what anybody else throws there is a bug, and ends the thread as it always does.
 */
export class Strays {
  readonly #running = new AsyncLocalStorage<Running>();
  readonly #report: (running: Running, thrown: unknown) => void;
  #isWatching = false;

  constructor(report: (running: Running, thrown: unknown) => void) {
    this.#report = report;
  }

  run<T>(running: Running, step: () => T): T {
    return this.#running.run(running, step);
  }

  /** From now on, in this thread. Threads without policies of their own never begin. */
  watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const take = (thrown: unknown) => {
      const running = this.#running.getStore() ?? (isOfPolicy(thrown) ? unknown : null);
      if (running === null) throw thrown;
      this.#report(running, thrown);
    };
    process.on('unhandledRejection', take);
    process.on('uncaughtException', take);
  }
}

const unknown: Running = { policy: '?', exchange: null };
