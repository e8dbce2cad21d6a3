import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { ClientSide, Dialect } from '#core/contracts/dialect.ts';
import type { LoopStep } from './loop-step.ts';

/**
 * The client's side of a dialect while an answer is made in several steps: what each of them says is rendered as the continuation of
 * what was shown before, with one beginning and one end.
 */
export class LoopClient {
  readonly dialect: Dialect;
  readonly #client: ClientSide;
  readonly #state = newStreamState();
  /** Of an answer in one piece. */
  readonly #events: AnswerEvent[] = [];
  #step!: LoopStep;

  constructor(dialect: Dialect) {
    const { client } = dialect;
    this.#client = client;
    const own: Pick<ClientSide, 'renderEvent' | 'renderEnding' | 'renderAnswer'> = {
      renderEvent: (event, _state, context) =>
        this.#step
          .take(event)
          .map((shown) => this.#render(shown, context))
          .join(''),
      renderEnding: ({ reason, usage }, _state, context) => {
        if (this.#step.goesOn) return '';
        return client.renderEnding({ reason, usage: this.#step.sum(usage) }, this.#state, context);
      },
      renderAnswer: (events, context) => {
        this.#events.push(...events.flatMap((event) => this.#step.take(event)));
        return this.#step.goesOn ? '' : client.renderAnswer(this.#events, context);
      },
    };
    this.dialect = { ...dialect, client: { ...client, ...own } };
  }

  begin(step: LoopStep): void {
    this.#step = step;
  }

  #render(event: AnswerEvent, context: Parameters<ClientSide['renderEvent']>[2]): string {
    const text = this.#client.renderEvent(event, this.#state, context);
    advance(this.#state, event);
    return text;
  }
}
