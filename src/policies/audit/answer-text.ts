import { isContent, type AnswerEvent, type BlockKind, type FinishReason } from '#core/answer.ts';
import type { WorkResult } from '#core/work.ts';
import { longestMatch, type Mask } from './mask.ts';

interface Block {
  readonly kind: BlockKind;
  readonly id?: string;
  readonly name?: string;
  text: string;
}

interface Choice {
  finish: FinishReason | null;
  readonly blocks: Map<number, Block>;
}

/** An answer put together again from its events, as far as it came: whole, cut, or broken off. */
export class AnswerText {
  readonly #maxCharacters: number;
  readonly #choices = new Map<number, Choice>();
  #id = '';
  #model = '';
  #characters = 0;
  #isTruncated = false;
  #ended = false;
  #cut: string | null = null;
  #result: unknown = null;
  #hasContent = false;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Has anything of it been seen that a client would miss? */
  get isEmpty(): boolean {
    return !this.#hasContent;
  }

  take(event: AnswerEvent): void {
    if (isContent(event)) this.#hasContent = true;
    switch (event.type) {
      case 'start':
        this.#id ||= event.id;
        this.#model = event.model;
        return;
      case 'block-start': {
        const { kind, id, name } = event;
        const block = { kind, ...(id ? { id } : {}), ...(name ? { name } : {}), text: '' };
        this.#choiceOf(event.choice).blocks.set(event.block, block);
        return;
      }
      case 'delta':
        return this.#add(event);
      case 'finish':
        this.#choiceOf(event.choice).finish = event.reason;
        return;
      case 'result':
        this.#result = shortResult(event.result);
        return;
      case 'cut':
        this.#cut = event.outcome;
        return;
      case 'end':
        this.#ended = true;
        return;
      default:
        return;
    }
  }

  render(mask: Mask): Record<string, unknown> {
    let left = this.#maxCharacters;
    const textOf = ({ kind, text }: Block): string => {
      const limit = Math.max(0, left);
      left -= text.length;
      return kind === 'tool-call' ? mask.json(text, limit) : mask.text(text, Math.min(limit, text.length));
    };
    const choices = [...this.#choices].map(([index, { finish, blocks }]) => ({
      index,
      finish,
      blocks: [...blocks.values()].map((block) => ({ ...block, text: textOf(block) })),
    }));
    return {
      ...{ id: this.#id, model: this.#model, choices },
      complete: this.#ended && this.#cut === null,
      ...(this.#cut === null ? {} : { cut: this.#cut }),
      ...(this.#result === null ? {} : { result: this.#result }),
      ...(this.#isTruncated || left < 0 ? { truncated: true } : {}),
    };
  }

  #add({ choice, block, text }: AnswerEvent & { readonly type: 'delta' }): void {
    const { blocks } = this.#choiceOf(choice);
    let at = blocks.get(block);
    if (!at) blocks.set(block, (at = { kind: 'text', text: '' }));
    // A little more than is shown, so that what is to be masked is seen whole.
    const room = this.#maxCharacters + longestMatch - this.#characters;
    if (text.length > room) this.#isTruncated = true;
    const taken = text.slice(0, Math.max(0, room));
    at.text += taken;
    this.#characters += taken.length;
  }

  #choiceOf(index: number): Choice {
    let choice = this.#choices.get(index);
    if (!choice) this.#choices.set(index, (choice = { finish: null, blocks: new Map() }));
    return choice;
  }
}

/** Vectors are nothing that anybody reads. */
const shortResult = (result: WorkResult): unknown =>
  result.kind === 'embeddings' ? { kind: result.kind, vectors: result.vectors.length } : result;
