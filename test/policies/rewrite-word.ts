import type { AnswerEvent } from '#core/answer.ts';
import type { AnswerStage, PolicyKind } from '#core/contracts/policy.ts';

export interface RewriteSettings {
  readonly word: string;
  readonly by: string;
}

/** Replaces a word, also where it is split over chunks: as much as could be its beginning is kept back. */
export const rewriteWord: PolicyKind<RewriteSettings> = {
  name: 'rewrite-word',
  create: (settings) => ({
    name: 'rewrite-word',
    summary: `replaces "${settings.word}"`,
    openAnswer: () => new RewriteStage(settings),
  }),
};

class RewriteStage implements AnswerStage {
  readonly #settings: RewriteSettings;
  readonly #held = new Map<string, { choice: number; block: number; text: string }>();

  constructor(settings: RewriteSettings) {
    this.#settings = settings;
  }

  onEvent(event: AnswerEvent): readonly AnswerEvent[] {
    if (event.type === 'block-stop') return [...this.#release(`${event.choice}/${event.block}`), event];
    if (event.type !== 'delta') return [event];
    const { word, by } = this.#settings;
    const at = `${event.choice}/${event.block}`;
    const text = ((this.#held.get(at)?.text ?? '') + event.text).replaceAll(word, by);
    let keep = Math.min(word.length - 1, text.length);
    while (keep > 0 && !word.startsWith(text.slice(-keep))) keep--;
    this.#held.set(at, { choice: event.choice, block: event.block, text: text.slice(text.length - keep) });
    const out = text.slice(0, text.length - keep);
    return out === '' ? [] : [{ ...event, text: out }];
  }

  onEnd(): readonly AnswerEvent[] {
    return [...this.#held.keys()].flatMap((at) => this.#release(at));
  }

  #release(at: string): AnswerEvent[] {
    const held = this.#held.get(at);
    this.#held.delete(at);
    return held && held.text !== '' ? [{ type: 'delta', ...held }] : [];
  }
}
