import type { AnswerEvent } from '#core/answer.ts';
import type { PolicyKind } from '#core/contracts/policy.ts';

/** Ends an answer after so many characters of text, as a budget would. */
export const cutAfter: PolicyKind<{ readonly characters: number }> = {
  name: 'cut-after',
  create: ({ characters }) => ({
    name: 'cut-after',
    summary: `cuts after ${characters} characters`,
    openAnswer() {
      let left = characters;
      return {
        onEvent(event): readonly AnswerEvent[] {
          if (event.type !== 'delta' || event.text.length <= left) {
            if (event.type === 'delta') left -= event.text.length;
            return [event];
          }
          return [
            { ...event, text: event.text.slice(0, left) },
            { type: 'cut', reason: 'length', outcome: 'budget_cut' },
          ];
        },
        onEnd: () => [],
      };
    },
  }),
};
