import type { AnswerEvent, BlockStart } from '#core/answer.ts';
import type { Part, ToolCallPart } from '#core/call.ts';
import type { Usage } from '#core/usage.ts';

interface Block {
  readonly start: BlockStart;
  /** Its number in the client's answer; null: it is withheld. */
  readonly shownAs: number | null;
  text: string;
  signature: string | null;
}

/** What the steps of one answer share. */
export interface LoopStand {
  /** Names of the gateway's own tools. */
  readonly own: ReadonlySet<string>;
  started: boolean;
  /** Blocks shown so far. */
  shown: number;
  /** Of the steps before. */
  usage: Usage | null;
}

/**
 * One step's answer on its way to the client: what the model says goes on, its calls of the gateway's tools are withheld, and of an
 * answer that is to go on neither the finish nor the end is shown.
 */
export class LoopStep {
  readonly #stand: LoopStand;
  readonly #mayGoOn: boolean;
  readonly #blocks = new Map<number, Block>();
  #usage: Usage | null = null;
  #goesOn = false;
  #callsClient = false;

  /** @param mayGoOn False: whatever is called, this is the last step. */
  constructor(stand: LoopStand, mayGoOn: boolean) {
    this.#stand = stand;
    this.#mayGoOn = mayGoOn;
  }

  /** The answer calls tools of the gateway, and no others. */
  get goesOn(): boolean {
    return this.#goesOn;
  }

  /** The events that the client is shown for one of the model's. */
  take(event: AnswerEvent): AnswerEvent[] {
    switch (event.type) {
      case 'start':
        if (this.#stand.started) return [];
        this.#stand.started = true;
        return [event];
      case 'block-start':
        return this.#begin(event);
      case 'delta':
      case 'signature':
      case 'citation':
      case 'block-stop':
        return this.#inBlock(event);
      case 'finish':
        return this.#finish(event);
      case 'usage':
        this.#usage = event.usage;
        return this.#goesOn ? [] : [{ ...event, usage: sumOf(this.#stand.usage, event.usage) }];
      case 'end':
        return this.#goesOn ? [] : [event];
      default:
        return [event];
    }
  }

  /** Usage with that of the steps before. */
  sum(usage: Usage | null): Usage | null {
    return usage === null ? this.#stand.usage : sumOf(this.#stand.usage, usage);
  }

  /** To be called when the step is over and another one follows. */
  close(): void {
    if (this.#usage) this.#stand.usage = sumOf(this.#stand.usage, this.#usage);
  }

  get calls(): readonly ToolCallPart[] {
    return this.parts().filter((part) => part.type === 'tool-call');
  }

  /** The answer as the turn that it is for the next step. */
  parts(): Part[] {
    return [...this.#blocks.values()].flatMap((block) => partOf(block));
  }

  #begin(event: BlockStart): AnswerEvent[] {
    const isCall = event.kind === 'tool-call';
    const isOwn = isCall && this.#stand.own.has(event.name ?? '');
    if (isCall && !isOwn) this.#callsClient = true;
    const shownAs = isOwn ? null : this.#stand.shown++;
    this.#blocks.set(event.block, { start: event, shownAs, text: '', signature: null });
    return shownAs === null ? [] : [{ ...event, block: shownAs }];
  }

  #inBlock(event: Extract<AnswerEvent, { readonly block: number }>): AnswerEvent[] {
    const block = this.#blocks.get(event.block);
    if (!block) return [event];
    if (event.type === 'delta') block.text += event.text;
    if (event.type === 'signature') block.signature = event.signature;
    return block.shownAs === null ? [] : [{ ...event, block: block.shownAs }];
  }

  #finish(event: AnswerEvent & { readonly type: 'finish' }): AnswerEvent[] {
    const callsOwn = [...this.#blocks.values()].some(({ shownAs }) => shownAs === null);
    const isWhole = event.reason === 'tool-calls' || event.reason === 'stop';
    this.#goesOn = this.#mayGoOn && callsOwn && isWhole && !this.#callsClient;
    if (this.#goesOn) return [];
    // What called nothing that the client is shown has only stopped.
    const { choice } = event;
    if (event.reason === 'tool-calls' && !this.#callsClient)
      return [{ type: 'finish', choice, reason: 'stop' }];
    return [event];
  }
}

function partOf({ start, text, signature }: Block): Part[] {
  switch (start.kind) {
    case 'text':
      return text === '' ? [] : [{ type: 'text', text }];
    case 'refusal':
      return [{ type: 'refusal', text }];
    case 'reasoning':
      return [{ type: 'reasoning', text, signature, sealed: start.sealed ?? null }];
    case 'tool-call':
      return [
        {
          ...({ type: 'tool-call', id: start.id ?? '', name: start.name ?? '', arguments: text } as const),
          ...(signature === null ? {} : { signature }),
        },
      ];
    case 'opaque':
      // Results of a provider's own tools: in another call they would be nobody's.
      return [];
  }
}

/** Both, as one answer's: none of it is any provider's own word. */
function sumOf(before: Usage | null, last: Usage): Usage {
  if (!before) return last;
  return {
    lines: [...before.lines, ...last.lines],
    source: last.source,
    raw: null,
    flags: [...new Set([...before.flags, ...last.flags])],
  };
}
