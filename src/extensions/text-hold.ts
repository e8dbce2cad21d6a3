import type { PolicyAnswerEvent, TextEvent } from './policy-events.ts';

/**
 * Keeps the end of each block's text back, so that what is looked for is found across the borders of events. With a word of n
 * characters, n - 1 are enough.
 *
 *     const text = hold.take(event);            // what was kept, and what has come
 *     return hold.give(event, text.replaceAll('secret', '…'));
 */
export class TextHold {
  readonly #keep: number;
  readonly #held = new Map<string, TextEvent>();

  /** @param keep Characters (UTF-16 code units) to keep back of each block. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  /** The text that was kept back of this block, followed by the event's. */
  take(event: TextEvent): string {
    return (this.#held.get(placeOf(event))?.text ?? '') + event.text;
  }

  /** `text` but for its end, which is kept instead of what was kept before. */
  give(event: TextEvent, text: string): PolicyAnswerEvent[] {
    let at = Math.max(0, text.length - this.#keep);
    // A pair of surrogates is one character, and goes as one.
    if (at > 0 && at < text.length && /[\udc00-\udfff]/.test(text[at]!)) at--;
    this.#held.set(placeOf(event), { ...event, text: text.slice(at) });
    return at === 0 ? [] : [{ ...event, text: text.slice(0, at) }];
  }

  /** What is kept of the block that an event belongs to, at its `block-stop`. */
  release(event: { readonly choice: number; readonly block: number }): PolicyAnswerEvent[] {
    const held = this.#held.get(placeOf(event));
    this.#held.delete(placeOf(event));
    return held && held.text !== '' ? [held] : [];
  }

  /** All that is kept, for `onEnd`. */
  rest(): PolicyAnswerEvent[] {
    return [...this.#held.values()].flatMap((held) => this.release(held));
  }
}

const placeOf = ({ choice, block }: { readonly choice: number; readonly block: number }): string =>
  `${choice}/${block}`;
