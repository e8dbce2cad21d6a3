import type { AnswerIntake } from '#core/contracts/answer-intake.ts';
import type { HeaderList } from '#core/head.ts';
import { renderCacheStatus } from './cache-status.ts';

/** Says that a request had nothing to do with the cache, and why. */
export class Bypass implements AnswerIntake {
  readonly #why: string;

  constructor(why: string) {
    this.#why = why;
  }

  onHead(status: number, headers: HeaderList): HeaderList {
    const said = { fwd: this.#why === 'request' ? 'request' : 'bypass', status, detail: this.#why };
    return [...headers, 'cache-status', renderCacheStatus(said)];
  }

  onData(): void {}

  onEnd(): void {}

  onFault(): null {
    return null;
  }
}
