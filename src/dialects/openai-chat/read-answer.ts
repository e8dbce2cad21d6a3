import type { AnswerEvent, BlockKind } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import type { Target } from '#core/target.ts';
import { faultOfError } from './faults.ts';
import { parseFinish } from './finish-reason.ts';
import { findUsage, parseUsage } from './usage.ts';

interface Choice {
  /** Number of the next block. */
  next: number;
  open: { readonly block: number; readonly kind: BlockKind } | null;
  /** Blocks of tool calls by the provider's index. */
  readonly tools: Map<number, number>;
  finished: boolean;
}

/** https://platform.openai.com/docs/api-reference/chat/streaming */
export function createEventReader(target: Target): EventReader {
  return new ChunkReader(target);
}

class ChunkReader implements EventReader {
  readonly #target: Target;
  readonly #choices = new Map<number, Choice>();
  #started = false;

  constructor(target: Target) {
    this.#target = target;
  }

  read(event: SseEvent): AnswerEvent[] {
    if (event.data === '[DONE]') return [...this.finish(), { type: 'end' }];
    return this.readChunk(parseChunk(event.data), event.name);
  }

  readChunk(chunk: JsonObject, name: string): AnswerEvent[] {
    const error = errorOf(chunk);
    if (error) return [{ type: 'fault', fault: faultOfError(error, null) }];
    const events: AnswerEvent[] = [];
    // Some providers begin with a chunk that is about the prompt alone and names nothing; others never give an id.
    if (!this.#started && ((typeof chunk['id'] === 'string' && chunk['id'] !== '') || hasChoices(chunk))) {
      this.#started = true;
      events.push(startOf(chunk));
    }
    for (const value of Array.isArray(chunk['choices']) ? chunk['choices'] : []) {
      if (isObject(value)) this.#readChoice(value, events);
    }
    const usage = findUsage(chunk);
    if (usage) {
      const { quirks } = this.#target.provider;
      const tier = usage['service_tier'] ?? chunk['service_tier'];
      events.push({ type: 'usage', usage: parseUsage(usage, quirks, tier) });
    }
    return events.length ? events : [{ type: 'opaque', name }];
  }

  finish(): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    for (const [index, choice] of this.#choices) this.#close(index, choice, events);
    return events;
  }

  #readChoice(value: JsonObject, events: AnswerEvent[]): void {
    const index = typeof value['index'] === 'number' ? value['index'] : 0;
    let choice = this.#choices.get(index);
    if (!choice)
      this.#choices.set(index, (choice = { next: 0, open: null, tools: new Map(), finished: false }));
    // The delta of a stream; a whole answer's message has the same fields.
    const delta = isObject(value['delta'])
      ? value['delta']
      : isObject(value['message'])
        ? value['message']
        : null;
    if (delta) this.#readDelta(delta, { index, choice }, events);
    const reason = value['finish_reason'];
    if (typeof reason === 'string' && reason !== '' && !choice.finished) {
      choice.finished = true;
      this.#close(index, choice, events);
      events.push({ type: 'finish', choice: index, reason: parseFinish(reason), raw: reason });
    }
  }

  #readDelta(delta: JsonObject, at: { index: number; choice: Choice }, events: AnswerEvent[]): void {
    const details = Array.isArray(delta['reasoning_details'])
      ? delta['reasoning_details'].filter(isObject)
      : [];
    const reasoning = [delta['reasoning_content'], delta['reasoning']].find(
      (text) => typeof text === 'string' && text !== '',
    );
    // Where each proof comes with its own text, as in a whole answer, the text of all of them would be told twice.
    const isProven = details.some((detail) => isProof(detail) && typeof detail['text'] === 'string');
    if (typeof reasoning === 'string' && !isProven) this.#say('reasoning', reasoning, at, events);
    this.#readSealed(details, at, events);
    const { content } = delta;
    if (typeof content === 'string' && content !== '') this.#say('text', content, at, events);
    else if (Array.isArray(content))
      for (const part of content) if (isObject(part)) this.#readPart(part, at, events);
    if (typeof delta['refusal'] === 'string' && delta['refusal'] !== '')
      this.#say('refusal', delta['refusal'], at, events);
    for (const note of Array.isArray(delta['annotations']) ? delta['annotations'] : [])
      if (isObject(note) && isObject(note['url_citation'])) this.#cite(note['url_citation'], at, events);
    const calls = delta['tool_calls'];
    if (!Array.isArray(calls)) return;
    for (const call of calls) if (isObject(call)) this.#readToolCall(call, at, events);
  }

  /** Content as an array of typed parts, as some providers of this dialect send it. */
  #readPart(part: JsonObject, at: { index: number; choice: Choice }, events: AnswerEvent[]): void {
    if (typeof part['text'] === 'string') this.#say('text', part['text'], at, events);
    else if (Array.isArray(part['thinking'])) {
      for (const piece of part['thinking'])
        if (isObject(piece) && typeof piece['text'] === 'string')
          this.#say('reasoning', piece['text'], at, events);
    }
  }

  /** A proof ends its block: what is reasoned after it is proven by another. */
  #readSealed(
    details: readonly JsonObject[],
    at: { index: number; choice: Choice },
    events: AnswerEvent[],
  ): void {
    for (const detail of details) {
      if (isProof(detail)) {
        if (typeof detail['text'] === 'string' && detail['text'] !== '')
          this.#say('reasoning', detail['text'], at, events);
        if (at.choice.open?.kind !== 'reasoning') continue;
        const { block } = at.choice.open;
        events.push({ type: 'signature', choice: at.index, block, signature: detail.signature });
        this.#close(at.index, at.choice, events);
      } else if (typeof detail['data'] === 'string') {
        const block = this.#begin('reasoning', at, events, { sealed: detail['data'] });
        events.push({ type: 'block-stop', choice: at.index, block });
        at.choice.open = null;
      }
    }
  }

  #say(kind: BlockKind, text: string, at: { index: number; choice: Choice }, events: AnswerEvent[]): void {
    const { open } = at.choice;
    const block = open?.kind === kind ? open.block : this.#begin(kind, at, events, {});
    events.push({ type: 'delta', choice: at.index, block, text });
  }

  /** Of the text so far: an annotation may come after it, in a chunk of its own. */
  #cite(raw: JsonObject, at: { index: number; choice: Choice }, events: AnswerEvent[]): void {
    if (at.choice.open?.kind !== 'text') return;
    const text = (name: string) => (typeof raw[name] === 'string' ? raw[name] : null);
    const place = (name: string) => (Number.isSafeInteger(raw[name]) ? (raw[name] as number) : null);
    events.push({
      type: 'citation',
      choice: at.index,
      block: at.choice.open.block,
      citation: {
        url: text('url'),
        title: text('title'),
        quote: text('content'),
        start: place('start_index'),
        end: place('end_index'),
        raw,
      },
    });
  }

  #readToolCall(call: JsonObject, at: { index: number; choice: Choice }, events: AnswerEvent[]): void {
    const fn = isObject(call['function']) ? call['function'] : {};
    const name = typeof fn['name'] === 'string' && fn['name'] !== '' ? fn['name'] : null;
    const index =
      typeof call['index'] === 'number'
        ? call['index']
        : name === null
          ? Math.max(0, at.choice.tools.size - 1)
          : at.choice.tools.size;
    let block = at.choice.tools.get(index);
    if (block === undefined) {
      const id =
        typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : `call_${at.index}_${index}`;
      block = this.#begin('tool-call', at, events, { id, name: name ?? '' });
      at.choice.tools.set(index, block);
    }
    const text =
      typeof fn['arguments'] === 'string'
        ? fn['arguments']
        : isObject(fn['arguments'])
          ? JSON.stringify(fn['arguments'])
          : '';
    if (text !== '') events.push({ type: 'delta', choice: at.index, block, text });
  }

  /** One block of a choice is open at a time: the next one closes it. */
  #begin(
    kind: BlockKind,
    at: { index: number; choice: Choice },
    events: AnswerEvent[],
    more: { id?: string; name?: string; sealed?: string },
  ): number {
    this.#close(at.index, at.choice, events);
    const block = at.choice.next++;
    at.choice.open = { block, kind };
    events.push({ type: 'block-start', choice: at.index, block, kind, ...more });
    return block;
  }

  #close(index: number, choice: Choice, events: AnswerEvent[]): void {
    if (!choice.open) return;
    events.push({ type: 'block-stop', choice: index, block: choice.open.block });
    choice.open = null;
  }
}

const isProof = (detail: JsonObject): detail is JsonObject & { readonly signature: string } =>
  typeof detail['signature'] === 'string' && detail['signature'] !== '';

function parseChunk(data: string): JsonObject {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    // Said below.
  }
  if (!isObject(chunk))
    throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
  return chunk;
}

/** An error in the place of a chunk: an object, a text alone, or the chunk itself where `object` says so. */
function errorOf(chunk: JsonObject): JsonObject | null {
  const { error } = chunk;
  if (isObject(error)) return error;
  if (typeof error === 'string') return { message: error };
  return chunk['object'] === 'error' ? chunk : null;
}

const hasChoices = ({ choices }: JsonObject): boolean => Array.isArray(choices) && choices.length > 0;

function startOf(chunk: JsonObject): AnswerEvent {
  return {
    type: 'start',
    id: typeof chunk['id'] === 'string' ? chunk['id'] : '',
    model: typeof chunk['model'] === 'string' ? chunk['model'] : '',
    createdAtS: typeof chunk['created'] === 'number' ? chunk['created'] : null,
  };
}

/** https://platform.openai.com/docs/api-reference/chat/object */
export function parseAnswer(body: JsonObject, target: Target): AnswerEvent[] {
  if (!Array.isArray(body['choices'])) {
    throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "choices".');
  }
  // A whole answer is a stream of one chunk, and is read as one.
  const reader = new ChunkReader(target);
  return [...reader.readChunk(body, ''), ...reader.finish(), { type: 'end' }];
}
