import type { AnswerEvent, BlockKind, Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { reasoningText } from './parse-parts.ts';

export const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');
export const numberOr = (value: unknown, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;

interface Open {
  readonly block: number;
  readonly kind: BlockKind;
  /** Has any of its text come? */
  hasText: boolean;
}

/** What is said in pieces, by the name of its event: the kind of its block, and whether it is a part of a message. */
const deltas: Readonly<Record<string, BlockKind>> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'refusal',
  'response.function_call_arguments.delta': 'tool-call',
  'response.reasoning_summary_text.delta': 'reasoning',
  'response.reasoning_text.delta': 'reasoning',
};
/** The same in one piece: its field, used where no pieces came. */
const wholes: Readonly<Record<string, string>> = {
  'response.output_text.done': 'text',
  'response.refusal.done': 'refusal',
  'response.function_call_arguments.done': 'arguments',
  'response.reasoning_summary_text.done': 'text',
  'response.reasoning_text.done': 'text',
};

/** Items and their parts as blocks: each part of a message is one, as is every other item. */
export class ItemReader {
  callsTool = false;
  #next = 0;
  /** Open blocks by item, or by item and part. */
  readonly #open = new Map<string, Open>();
  /** Parts and items that have begun. */
  readonly #told = new Set<string>();
  /** Items of reasoning that have told a summary: what they say in full is not told again. */
  readonly #summarized = new Set<number>();

  /** No block has begun. */
  get isUntouched(): boolean {
    return this.#next === 0;
  }

  /** Null for an event that says nothing of an item. */
  read(type: string, body: JsonObject): AnswerEvent[] | null {
    const kind = deltas[type];
    if (kind !== undefined) return this.#readDelta(type, kind, body);
    const whole = wholes[type];
    if (whole !== undefined) return this.#readWholeText(type, textOr(body[whole]), body);
    const index = numberOr(body['output_index'], 0);
    const item = isObject(body['item']) ? body['item'] : {};
    const part = isObject(body['part']) ? body['part'] : {};
    switch (type) {
      case 'response.output_item.added':
        return this.#readAdded(item, index);
      case 'response.output_item.done':
        return this.#readDone(item, index);
      case 'response.content_part.added':
        return this.#readPartAdded(part, body);
      case 'response.content_part.done':
        return this.#readPartDone(part, body);
      case 'response.reasoning_summary_part.added':
        // Pieces of a summary stand apart.
        return this.#open.has(String(index)) ? this.#say(String(index), 'reasoning', '\n\n') : [];
      case 'response.reasoning_summary_part.done':
        return [];
      case 'response.output_text.annotation.added':
        return this.#cite(this.#open.get(partKey(body)), body['annotation']);
      default:
        return null;
    }
  }

  /** Closes what is open. */
  close(): AnswerEvent[] {
    return [...this.#open.keys()].flatMap((key) => this.#close(key));
  }

  readWhole(item: JsonObject, index: number): AnswerEvent[] {
    return [...this.#readAdded(item, index), ...this.#readDone(item, index)];
  }

  #readAdded(item: JsonObject, index: number): AnswerEvent[] {
    const key = String(index);
    switch (item['type']) {
      // Their parts, or their texts, begin them.
      case 'message':
      case 'reasoning':
        return [];
      case 'function_call': {
        this.callsTool = true;
        return this.#begin(key, 'tool-call', { id: textOr(item['call_id']), name: textOr(item['name']) });
      }
      default:
        return this.#begin(key, 'opaque', { raw: item });
    }
  }

  #readDone(item: JsonObject, index: number): AnswerEvent[] {
    const key = String(index);
    switch (item['type']) {
      case 'message':
        return this.#readMessageDone(item, index);
      case 'reasoning':
        return this.#readReasoningDone(item, key);
      case 'function_call': {
        const begun = this.#open.has(key) ? [] : this.#readAdded(item, index);
        return [...begun, ...this.#sayUnsaid(key, textOr(item['arguments'])), ...this.#close(key)];
      }
      default:
        return this.#close(key);
    }
  }

  /** Parts that were not streamed come whole. */
  #readMessageDone(item: JsonObject, index: number): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    const parts: unknown[] = Array.isArray(item['content']) ? item['content'] : [];
    parts.forEach((part, at) => {
      if (!isObject(part) || this.#told.has(`${index}/${at}`)) return;
      const place = { output_index: index, content_index: at };
      events.push(...this.#readPartAdded(part, place), ...this.#readPartDone(part, place));
    });
    for (const key of this.#open.keys()) if (key.startsWith(`${index}/`)) events.push(...this.#close(key));
    return events;
  }

  /** The state comes last: of reasoning that was told it is the proof, else it is all there is. */
  #readReasoningDone(item: JsonObject, key: string): AnswerEvent[] {
    const state = textOr(item['encrypted_content']);
    const events: AnswerEvent[] = [];
    const said = this.#open.has(key) ? '' : reasoningText(item);
    if (said !== '') events.push(...this.#say(key, 'reasoning', said));
    const open = this.#open.get(key);
    if (open && state !== '')
      events.push({ type: 'signature', choice: 0, block: open.block, signature: state });
    if (!open && state !== '') events.push(...this.#begin(key, 'reasoning', { sealed: state }));
    return [...events, ...this.#close(key)];
  }

  #readPartAdded(part: JsonObject, place: JsonObject): AnswerEvent[] {
    const key = partKey(place);
    switch (part['type']) {
      case 'output_text':
      case 'text':
        this.#told.add(key);
        return this.#begin(key, 'text', {});
      case 'refusal':
        this.#told.add(key);
        return this.#begin(key, 'refusal', {});
      // Its text begins it.
      case 'reasoning_text':
        return [];
      default:
        this.#told.add(key);
        return this.#begin(key, 'opaque', { raw: part });
    }
  }

  #readPartDone(part: JsonObject, place: JsonObject): AnswerEvent[] {
    const key = partKey(place);
    const open = this.#open.get(key);
    if (!open) return [];
    const isBare = !open.hasText;
    const events = this.#sayUnsaid(key, textOr(part[open.kind === 'refusal' ? 'refusal' : 'text']));
    // Where the text came in one piece, so did what it cites.
    for (const note of isBare && Array.isArray(part['annotations']) ? (part['annotations'] as unknown[]) : [])
      events.push(...this.#cite(open, note));
    return [...events, ...this.#close(key)];
  }

  #readDelta(type: string, kind: BlockKind, body: JsonObject): AnswerEvent[] {
    const index = numberOr(body['output_index'], 0);
    if (type === 'response.reasoning_summary_text.delta') this.#summarized.add(index);
    if (type === 'response.reasoning_text.delta' && this.#summarized.has(index)) return [];
    const isPart = kind === 'text' || kind === 'refusal';
    return this.#say(isPart ? partKey(body) : String(index), kind, textOr(body['delta']));
  }

  #readWholeText(type: string, text: string, body: JsonObject): AnswerEvent[] {
    const isPart = type === 'response.output_text.done' || type === 'response.refusal.done';
    const key = isPart ? partKey(body) : String(numberOr(body['output_index'], 0));
    return this.#sayUnsaid(key, text);
  }

  #say(key: string, kind: BlockKind, text: string): AnswerEvent[] {
    let open = this.#open.get(key);
    const events: AnswerEvent[] = [];
    if (!open) {
      this.#told.add(key);
      events.push(...this.#begin(key, kind, {}));
      open = this.#open.get(key)!;
    }
    open.hasText = true;
    return [...events, { type: 'delta', choice: 0, block: open.block, text }];
  }

  #sayUnsaid(key: string, text: string): AnswerEvent[] {
    const open = this.#open.get(key);
    return open && !open.hasText && text !== '' && open.kind !== 'opaque'
      ? this.#say(key, open.kind, text)
      : [];
  }

  #begin(
    key: string,
    kind: BlockKind,
    more: { id?: string; name?: string; sealed?: string; raw?: JsonObject },
  ): AnswerEvent[] {
    const events = this.#close(key);
    const block = this.#next++;
    this.#open.set(key, { block, kind, hasText: false });
    return [...events, { type: 'block-start', choice: 0, block, kind, ...more }];
  }

  #close(key: string): AnswerEvent[] {
    const open = this.#open.get(key);
    if (!open) return [];
    this.#open.delete(key);
    return [{ type: 'block-stop', choice: 0, block: open.block }];
  }

  #cite(open: Open | undefined, raw: unknown): AnswerEvent[] {
    if (open?.kind !== 'text' || !isObject(raw))
      return [{ type: 'opaque', name: 'response.output_text.annotation.added' }];
    return [{ type: 'citation', choice: 0, block: open.block, citation: citationOf(raw) }];
  }
}

const partKey = (place: JsonObject): string =>
  `${numberOr(place['output_index'], 0)}/${numberOr(place['content_index'], 0)}`;

/** https://platform.openai.com/docs/guides/tools-web-search#output-and-citations; files have names and no addresses. */
function citationOf(raw: JsonObject): Citation {
  const text = (name: string) => (typeof raw[name] === 'string' ? raw[name] : null);
  const place = (name: string) => (Number.isSafeInteger(raw[name]) ? (raw[name] as number) : null);
  return {
    url: text('url'),
    title: text('title') ?? text('filename'),
    quote: null,
    start: place('start_index'),
    end: place('end_index'),
    raw,
  };
}
