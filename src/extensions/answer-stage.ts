import type { AnswerEvent, BlockKind } from '#core/answer.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import { totalsOf } from '#core/usage.ts';
import type { CallView } from './call-view.ts';
import type { PolicyAnswerEvent } from './policy-events.ts';

export interface StageHooks {
  /** Runs a step of the policy: what that throws is the policy's failure. */
  run(step: (view: CallView) => AnswerEvent[]): AnswerEvent[];
  onEvent(event: PolicyAnswerEvent, view: CallView): readonly PolicyAnswerEvent[] | void;
  onEnd(view: CallView): readonly PolicyAnswerEvent[] | void;
  /** May it change what it reads? */
  readonly writes: boolean;
}

/** One policy's hold on one answer, in the words of its facade. What it passes on is the event that came, and keeps its bytes. */
export class PolicyStage implements AnswerStage {
  readonly #hooks: StageHooks;
  readonly #came = new WeakMap<PolicyAnswerEvent, AnswerEvent>();
  /** Kinds of the blocks that have begun, by choice and block. */
  readonly #kinds = new Map<string, BlockKind>();
  #isCut = false;

  constructor(hooks: StageHooks) {
    this.#hooks = hooks;
  }

  onEvent(event: AnswerEvent): readonly AnswerEvent[] {
    if (this.#isCut) return [];
    if (event.type === 'block-start') this.#kinds.set(placeOf(event), event.kind);
    const shown = this.#show(event);
    this.#came.set(shown, event);
    return this.#hooks.run((view) => {
      const given = this.#hooks.onEvent(shown, view);
      if (given === undefined) return [event];
      const passes = given.length === 1 && given[0] === shown;
      if (!this.#hooks.writes && !passes)
        throw new TypeError(`onEvent: to change the answer needs writes: ['events']`);
      return this.#take(given);
    });
  }

  onEnd(): readonly AnswerEvent[] {
    if (this.#isCut) return [];
    return this.#hooks.run((view) => {
      const given = this.#hooks.onEnd(view) ?? [];
      if (!this.#hooks.writes && given.length > 0)
        throw new TypeError(`onEnd: to add to the answer needs writes: ['events']`);
      return this.#take(given);
    });
  }

  #show(event: AnswerEvent): PolicyAnswerEvent {
    switch (event.type) {
      case 'delta': {
        const { choice, block, text } = event;
        return { type: 'text', choice, block, kind: this.#kinds.get(placeOf(event)) ?? 'text', text };
      }
      case 'start':
        return { type: 'start', model: event.model };
      case 'block-start': {
        const { choice, block, kind, name } = event;
        return { type: 'block-start', choice, block, kind, tool: name ?? null };
      }
      case 'block-stop':
        return { type: 'block-stop', choice: event.choice, block: event.block };
      case 'finish':
        return { type: 'finish', choice: event.choice, reason: event.reason };
      case 'usage': {
        const { input, output } = totalsOf(event.usage.lines);
        return { type: 'usage', inputTokens: input, outputTokens: output };
      }
      case 'end':
        return { type: 'end' };
      default:
        return { type: 'other' };
    }
  }

  #take(given: readonly PolicyAnswerEvent[]): AnswerEvent[] {
    const taken: AnswerEvent[] = [];
    for (const event of given) {
      if (this.#isCut) break;
      const made = this.#came.get(event) ?? this.#make(event);
      if (made) taken.push(made);
    }
    return taken;
  }

  /** What the policy has made itself; null: there is nothing to it. */
  #make(event: PolicyAnswerEvent): AnswerEvent | null {
    if (event.type === 'cut') {
      this.#isCut = true;
      return { type: 'cut', reason: 'content-filter', outcome: 'guardrail_cut' };
    }
    if (event.type !== 'text' || typeof event.text !== 'string')
      throw new TypeError(
        `${JSON.stringify(event?.type)}: an answer takes events as they came, texts, and call.cut()`,
      );
    const { choice, block, text } = event;
    if (!this.#kinds.has(placeOf(event)))
      throw new TypeError(`a text of choice ${choice} and block ${block}, and there is no such block`);
    return text === '' ? null : { type: 'delta', choice, block, text };
  }
}

const placeOf = ({ choice, block }: { readonly choice: number; readonly block: number }): string =>
  `${choice}/${block}`;
