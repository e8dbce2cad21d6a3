import type { BlockStart, Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { RenderContext } from '#core/contracts/dialect.ts';

interface Part {
  readonly type: 'output_text' | 'refusal';
  text: string;
  readonly annotations: JsonObject[];
}

interface Item {
  readonly index: number;
  readonly id: string;
  readonly kind: 'message' | 'function_call' | 'reasoning';
  /** Of a call. */
  readonly callId: string;
  readonly name: string;
  /** Of a message. */
  readonly parts: Part[];
  /** Arguments, or reasoning. */
  text: string;
  /** Proof of reasoning, or sealed reasoning. */
  state: string | null;
  done: boolean;
}

interface Place {
  readonly item: Item;
  /** Index of the part of a message. */
  readonly part: number;
}

/**
 * Writes a response item by item, as events, and keeps what it wrote: the last events of each part, of each item and of the
 * response say again all that was said.
 * https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class ResponseWriter {
  readonly #context: RenderContext;
  readonly #id: string;
  readonly #createdAtS: number;
  readonly #items: Item[] = [];
  readonly #places = new Map<number, Place>();
  #sequence = 0;

  constructor(id: string, createdAtS: number, context: RenderContext) {
    this.#context = context;
    this.#id = id === '' ? `resp_${context.exchangeId}` : id;
    this.#createdAtS = createdAtS || context.nowS;
  }

  start(): string {
    const response = this.#response('in_progress', {});
    return this.#frame('response.created', { response }) + this.#frame('response.in_progress', { response });
  }

  begin(block: BlockStart): string {
    switch (block.kind) {
      case 'text':
      case 'refusal':
        return this.#beginPart(block);
      case 'tool-call':
      case 'reasoning': {
        const kind = block.kind === 'reasoning' ? 'reasoning' : 'function_call';
        const before = this.#closeMessage();
        const item = this.#add(kind, block);
        this.#places.set(block.block, { item, part: 0 });
        const added = this.#frame('response.output_item.added', {
          output_index: item.index,
          item: { ...shapeOf(item), status: 'in_progress' },
        });
        const isTold = kind === 'reasoning' && item.state === null;
        return before + added + (isTold ? this.#summary('added', item) : '');
      }
      default:
        return '';
    }
  }

  delta(block: number, text: string): string {
    const place = this.#places.get(block);
    if (!place || text === '') return '';
    const { item } = place;
    const at = { item_id: item.id, output_index: item.index };
    if (item.kind === 'message') {
      const part = item.parts[place.part]!;
      part.text += text;
      const in_ = { ...at, content_index: place.part, delta: text };
      return part.type === 'refusal'
        ? this.#frame('response.refusal.delta', in_)
        : this.#frame('response.output_text.delta', { ...in_, logprobs: [] });
    }
    item.text += text;
    return item.kind === 'reasoning'
      ? this.#frame('response.reasoning_summary_text.delta', { ...at, summary_index: 0, delta: text })
      : this.#frame('response.function_call_arguments.delta', { ...at, delta: text });
  }

  /** Told with the end of the block. */
  sign(block: number, state: string): void {
    const place = this.#places.get(block);
    if (place?.item.kind === 'reasoning') place.item.state = state;
  }

  /** Only what has an address can be cited here. */
  cite(block: number, { url, title, start, end }: Citation): string {
    const place = this.#places.get(block);
    const part = place?.item.parts[place.part];
    if (!place || part?.type !== 'output_text' || url === null) return '';
    const annotation = {
      type: 'url_citation',
      url,
      title: title ?? '',
      start_index: start ?? 0,
      end_index: end ?? part.text.length,
    };
    const annotation_index = part.annotations.push(annotation) - 1;
    return this.#frame('response.output_text.annotation.added', {
      ...placeOf(place),
      annotation_index,
      annotation,
    });
  }

  stop(block: number): string {
    const place = this.#places.get(block);
    if (!place) return '';
    this.#places.delete(block);
    const { item } = place;
    if (item.kind === 'message') return this.#stopPart(place);
    const at = { item_id: item.id, output_index: item.index };
    if (item.kind === 'function_call') {
      const said = { ...at, name: item.name, arguments: item.text };
      return this.#frame('response.function_call_arguments.done', said) + this.#done(item, 'completed');
    }
    const isTold = item.text !== '' || this.#isShown(item);
    return (isTold ? this.#summary('done', item) : '') + this.#done(item, 'completed');
  }

  /** Ends the response: `incomplete` says why it is not complete. */
  end(incomplete: string | null, usage: JsonObject | null): string {
    let text = '';
    for (const block of [...this.#places.keys()]) text += this.stop(block);
    text += this.#closeMessage();
    const status = incomplete === null ? 'completed' : 'incomplete';
    return text + this.#frame(`response.${status}`, { response: this.whole(incomplete, usage) });
  }

  whole(incomplete: string | null, usage: JsonObject | null): JsonObject {
    const ending = { incomplete_details: incomplete === null ? null : { reason: incomplete }, usage };
    return this.#response(incomplete === null ? 'completed' : 'incomplete', ending);
  }

  /** Sealed reasoning had its state from the beginning, and no text. */
  readonly #sealed = new Set<Item>();
  #isShown(item: Item): boolean {
    return !this.#sealed.has(item);
  }

  #beginPart(block: BlockStart): string {
    let item = this.#items.at(-1);
    let text = '';
    if (item?.kind !== 'message' || item.done) {
      item = this.#add('message', block);
      text = this.#frame('response.output_item.added', {
        output_index: item.index,
        item: { ...shapeOf(item), status: 'in_progress' },
      });
    }
    const type = block.kind === 'refusal' ? 'refusal' : 'output_text';
    const part = item.parts.push({ type, text: '', annotations: [] }) - 1;
    const place = { item, part };
    this.#places.set(block.block, place);
    return (
      text +
      this.#frame('response.content_part.added', {
        ...placeOf(place),
        part: partOf(item.parts[part]!),
      })
    );
  }

  #stopPart(place: Place): string {
    const part = place.item.parts[place.part]!;
    const at = placeOf(place);
    const said =
      part.type === 'refusal'
        ? this.#frame('response.refusal.done', { ...at, refusal: part.text })
        : this.#frame('response.output_text.done', { ...at, text: part.text, logprobs: [] });
    return said + this.#frame('response.content_part.done', { ...at, part: partOf(part) });
  }

  /** Neighbouring parts share a message: it ends where something else begins. */
  #closeMessage(): string {
    const item = this.#items.at(-1);
    if (item?.kind !== 'message' || item.done) return '';
    let text = '';
    for (const [block, place] of [...this.#places]) if (place.item === item) text += this.stop(block);
    return text + this.#done(item, 'completed');
  }

  #add(kind: Item['kind'], block: BlockStart): Item {
    const index = this.#items.length;
    const item: Item = {
      index,
      id: `${prefixes[kind]}_${this.#context.exchangeId}_${index}`,
      kind,
      callId: block.id ?? `call_${this.#context.exchangeId}_${index}`,
      name: block.name ?? '',
      parts: [],
      text: '',
      state: block.sealed ?? null,
      done: false,
    };
    if (block.sealed !== undefined) this.#sealed.add(item);
    this.#items.push(item);
    return item;
  }

  #done(item: Item, status: string): string {
    item.done = true;
    const shown = { ...shapeOf(item), status };
    return this.#frame('response.output_item.done', { output_index: item.index, item: shown });
  }

  #summary(step: 'added' | 'done', item: Item): string {
    const at = { item_id: item.id, output_index: item.index, summary_index: 0 };
    const part = { type: 'summary_text', text: item.text };
    const said =
      step === 'done' ? this.#frame('response.reasoning_summary_text.done', { ...at, text: item.text }) : '';
    return said + this.#frame(`response.reasoning_summary_part.${step}`, { ...at, part });
  }

  #frame(type: string, fields: JsonObject): string {
    const sequence_number = this.#sequence++;
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`;
  }

  /** https://platform.openai.com/docs/api-reference/responses/object */
  #response(status: string, ending: JsonObject): JsonObject {
    return {
      id: this.#id,
      object: 'response',
      created_at: this.#createdAtS,
      status,
      error: null,
      incomplete_details: null,
      instructions: null,
      max_output_tokens: null,
      model: this.#context.model,
      output: this.#items.map((item) => ({ ...shapeOf(item), status: 'completed' })),
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: null,
      text: { format: { type: 'text' } },
      tool_choice: 'auto',
      tools: [],
      top_p: null,
      truncation: 'disabled',
      usage: null,
      user: null,
      metadata: {},
      ...ending,
    };
  }
}

const prefixes = { message: 'msg', function_call: 'fc', reasoning: 'rs' } as const;

const placeOf = ({ item, part }: Place): JsonObject => ({
  item_id: item.id,
  output_index: item.index,
  content_index: part,
});

const partOf = ({ type, text, annotations }: Part): JsonObject =>
  type === 'refusal' ? { type, refusal: text } : { type, text, annotations, logprobs: [] };

function shapeOf(item: Item): JsonObject {
  switch (item.kind) {
    case 'message':
      return { id: item.id, type: 'message', role: 'assistant', content: item.parts.map(partOf) };
    case 'function_call':
      return {
        id: item.id,
        type: 'function_call',
        call_id: item.callId,
        name: item.name,
        arguments: item.text,
      };
    case 'reasoning':
      return {
        id: item.id,
        type: 'reasoning',
        summary: item.text === '' ? [] : [{ type: 'summary_text', text: item.text }],
        ...(item.state === null ? {} : { encrypted_content: item.state }),
      };
  }
}
