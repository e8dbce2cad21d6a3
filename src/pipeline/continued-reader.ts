import type { AnswerEvent, StreamState } from '#core/answer.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { estimateTokens } from '#core/contracts/token-counter.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { inputLine, outputLine, type Usage } from '#core/usage.ts';

/** So much of the beginning is held back until it is known what of it was said before. */
const mostHeld = 256;
/** Shorter repetitions are chance. */
const leastOverlap = 12;

export interface Before {
  /** The client's stream. */
  readonly state: StreamState;
  /** Text that it was given. */
  readonly said: string;
  /** What the target before had told of its use. */
  readonly usage: Usage | null;
}

/**
 * The stream of a target that goes on with another's answer, as the rest of that: it does not begin anew, its first text belongs
 * to the block that is open, what it repeats and what it thinks is left out, and its usage is that of the whole answer.
 */
export class ContinuedReader implements EventReader {
  ownUsage: Usage | null = null;
  readonly #inner: EventReader;
  readonly #before: Before;
  /** Blocks of the target's, as the client knows them; null: it is not told of them. */
  readonly #blocks = new Map<number, number | null>();
  #next: number;
  /** Text that may be a repetition; null: that is decided. */
  #held: string | null = '';
  #heldBlock: number | null = null;
  readonly #tail: string;

  constructor(inner: EventReader, before: Before) {
    this.#inner = inner;
    this.#before = before;
    this.#tail = before.said.slice(-mostHeld);
    this.#next = Math.max(-1, ...before.state.begun.map(({ block }) => block)) + 1;
  }

  read(event: SseEvent): AnswerEvent[] {
    return this.#inner.read(event).flatMap((each) => this.#take(each));
  }

  finish(): AnswerEvent[] {
    return this.#inner.finish().flatMap((each) => this.#take(each));
  }

  #take(event: AnswerEvent): AnswerEvent[] {
    switch (event.type) {
      case 'start':
        return [];
      case 'block-start':
        return this.#begin(event);
      case 'delta':
      case 'signature':
      case 'citation':
      case 'block-stop': {
        const block = this.#blocks.get(event.block);
        if (block === undefined || block === null) return [];
        if (event.type === 'delta') return this.#say(block, event.text);
        return [...this.#release(), { ...event, block }];
      }
      case 'usage':
        this.ownUsage = event.usage;
        return [{ type: 'usage', usage: this.#whole(event.usage) }];
      case 'finish':
      case 'end':
        return [...this.#release(), event];
      default:
        return [event];
    }
  }

  #begin(event: AnswerEvent & { readonly type: 'block-start' }): AnswerEvent[] {
    if (event.kind === 'reasoning') {
      this.#blocks.set(event.block, null);
      return [];
    }
    const open = this.#before.state.open.find(({ kind }) => kind === 'text');
    if (open && event.kind === 'text' && this.#heldBlock === null) {
      this.#blocks.set(event.block, open.block);
      this.#heldBlock = open.block;
      return [];
    }
    const stop: AnswerEvent[] = open ? [{ type: 'block-stop', choice: 0, block: open.block }] : [];
    const block = this.#next++;
    this.#blocks.set(event.block, block);
    return [...this.#release(), ...stop, { ...event, block }];
  }

  #say(block: number, text: string): AnswerEvent[] {
    if (this.#held === null || block !== this.#heldBlock) return [{ type: 'delta', choice: 0, block, text }];
    this.#held += text;
    // As long as all of it stands near the end of what was said, it may be a repetition that goes on.
    const mayRepeat = this.#held.length < mostHeld && this.#tail.includes(this.#held);
    return mayRepeat ? [] : this.#release();
  }

  /** What was held, without the end of what was said before where it begins with that. */
  #release(): AnswerEvent[] {
    const held = this.#held;
    const block = this.#heldBlock;
    if (held === null || block === null) return [];
    this.#held = null;
    const text = held.slice(overlapOf(this.#tail, held));
    return text === '' ? [] : [{ type: 'delta', choice: 0, block, text }];
  }

  /** Input as it would have been without a break, output of both. */
  #whole(own: Usage): Usage {
    const { said, usage: before } = this.#before;
    const saidTokens = estimateTokens(Buffer.byteLength(said));
    const told = before?.lines.filter(({ direction, count }) => direction !== 'output' && count > 0) ?? [];
    const input = own.lines
      .filter(({ direction }) => direction !== 'output')
      .reduce((sum, { count }) => sum + count, 0);
    const output = own.lines.filter(({ direction }) => direction === 'output');
    return {
      ...own,
      lines: [
        ...(told.length > 0 ? told : [inputLine(Math.max(0, input - saidTokens))]),
        ...output.map((line, i) => (i === 0 ? { ...line, count: line.count + saidTokens } : line)),
        ...(output.length === 0 ? [outputLine(saidTokens)] : []),
      ],
    };
  }
}

/** Length of the longest beginning of `next` that `said` ends with, where that is no chance. */
export function overlapOf(said: string, next: string): number {
  for (let length = Math.min(said.length, next.length, mostHeld); length >= leastOverlap; length--)
    if (said.endsWith(next.slice(0, length))) return length;
  return 0;
}
