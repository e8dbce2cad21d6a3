import type { Account } from '#core/contracts/account.ts';
import type { FromWorker, UsageAnswer } from './messages.ts';

const withinMs = 10_000;

/** A thread's way to the books: it asks the control plane, which has them. */
export class AskedAccount implements Account {
  readonly #say: (message: FromWorker) => void;
  readonly #open = new Map<number, (answer: UsageAnswer) => void>();
  #next = 0;

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  async usage(query: Parameters<Account['usage']>[0]): ReturnType<Account['usage']> {
    const ask = this.#next++;
    const answer = await new Promise<UsageAnswer>((resolve) => {
      const late = setTimeout(
        () => this.hear(ask, { failed: 'no answer in time', refused: false }),
        withinMs,
      );
      this.#open.set(ask, (came) => (clearTimeout(late), resolve(came)));
      this.#say({ type: 'usage', ask, query });
    });
    if ('rows' in answer) return answer.rows;
    throw answer.refused ? new RangeError(answer.failed) : new Error(answer.failed);
  }

  hear(ask: number, answer: UsageAnswer): void {
    this.#open.get(ask)?.(answer);
    this.#open.delete(ask);
  }
}
