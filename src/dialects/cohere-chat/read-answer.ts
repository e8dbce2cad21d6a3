import type { AnswerEvent, BlockKind } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { parseCitations } from './citations.ts';
import { faultInStream } from './faults.ts';
import { parseFinish } from './finish-reason.ts';
import { parseUsage } from './usage.ts';

const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});
const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');

/** https://docs.cohere.com/docs/streaming#stream-events */
export class ChatReader implements EventReader {
  #started = false;
  #ended = false;
  #next = 0;
  /** Stays open after its own end until the next one begins: what it cites may come after it. */
  #open: { readonly block: number; readonly kind: BlockKind } | null = null;
  #calls = 0;
  /** Of the call under way: have arguments come? */
  #hasArguments = false;

  read(event: SseEvent): AnswerEvent[] {
    if (event.data === '[DONE]' || this.#ended) return [];
    let data: unknown;
    try {
      data = JSON.parse(event.data);
    } catch {
      // Said below.
    }
    if (!isObject(data))
      throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
    const type = textOr(data['type']) || event.name;
    const events: AnswerEvent[] = [];
    if (!this.#started && type !== 'error') this.#start(data, events);
    const known = this.#readEvent(type, data, events);
    return known || events.length > 0 ? events : [{ type: 'opaque', name: type }];
  }

  #start(data: JsonObject, events: AnswerEvent[]): void {
    this.#started = true;
    events.push({ type: 'start', id: textOr(data['id']), model: '', createdAtS: null });
  }

  /** False for an event that says nothing here. */
  #readEvent(type: string, data: JsonObject, events: AnswerEvent[]): boolean {
    const delta = objectOr(data['delta']);
    const message = objectOr(delta['message']);
    switch (type) {
      case 'message-start':
      case 'content-end':
      case 'tool-call-end':
      case 'citation-end':
        return true;
      case 'content-start':
      case 'content-delta': {
        const content = objectOr(message['content']);
        if (type === 'content-start' && this.#open?.kind === 'text') this.#close(events);
        this.#say('reasoning', textOr(content['thinking']), events);
        this.#say('text', textOr(content['text']), events);
        return true;
      }
      case 'tool-plan-delta':
        this.#say('text', textOr(message['tool_plan']), events);
        return true;
      case 'tool-call-start':
        this.#call(objectOr(message['tool_calls']), events);
        return true;
      case 'tool-call-delta': {
        const text = textOr(objectOr(objectOr(message['tool_calls'])['function'])['arguments']);
        if (text !== '' && this.#open?.kind === 'tool-call') {
          this.#hasArguments = true;
          events.push({ type: 'delta', choice: 0, block: this.#open.block, text });
        }
        return true;
      }
      case 'citation-start':
        this.#cite(objectOr(message['citations']), events);
        return true;
      case 'message-end':
        this.#end(delta, events);
        return true;
      case 'error':
        events.push({
          type: 'fault',
          fault: faultInStream(textOr(data['message']) || 'The upstream failed.'),
        });
        return true;
      default:
        return false;
    }
  }

  /** A whole answer. */
  readMessage(body: JsonObject): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    this.#start(body, events);
    const message = objectOr(body['message']);
    const { content } = message;
    const citations = (Array.isArray(message['citations']) ? message['citations'] : []).filter(isObject);
    for (const [i, part] of (Array.isArray(content) ? content : []).entries()) {
      if (!isObject(part)) continue;
      this.#say('reasoning', textOr(part['thinking']), events);
      this.#say('text', textOr(part['text']), events);
      for (const citation of citations)
        if ((citation['content_index'] ?? i) === i) this.#cite(citation, events);
    }
    if (typeof content === 'string') this.#say('text', content, events);
    this.#say('text', textOr(message['tool_plan']), events);
    for (const call of Array.isArray(message['tool_calls']) ? message['tool_calls'] : [])
      if (isObject(call)) this.#call(call, events);
    this.#end(body, events);
    return events;
  }

  finish(): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    this.#close(events);
    return events;
  }

  #say(kind: BlockKind, text: string, events: AnswerEvent[]): void {
    if (text === '') return;
    const block = this.#open?.kind === kind ? this.#open.block : this.#begin(kind, {}, events);
    events.push({ type: 'delta', choice: 0, block, text });
  }

  /** Of the text that it is about: what rests on a plan or a thought is not shown. */
  #cite(raw: JsonObject, events: AnswerEvent[]): void {
    if (this.#open?.kind !== 'text' || (raw['type'] ?? 'TEXT_CONTENT') !== 'TEXT_CONTENT') return;
    const { block } = this.#open;
    for (const citation of parseCitations(raw)) events.push({ type: 'citation', choice: 0, block, citation });
  }

  #call(call: JsonObject, events: AnswerEvent[]): void {
    const fn = objectOr(call['function']);
    const id = textOr(call['id']) || `call_${this.#calls}`;
    this.#calls++;
    const block = this.#begin('tool-call', { id, name: textOr(fn['name']) }, events);
    const text = textOr(fn['arguments']);
    this.#hasArguments = text !== '' && text !== 'null';
    if (this.#hasArguments) events.push({ type: 'delta', choice: 0, block, text });
  }

  #end(from: JsonObject, events: AnswerEvent[]): void {
    this.#close(events);
    const usage = isObject(from['usage']) ? parseUsage(from['usage']) : null;
    if (textOr(from['error']) !== '') {
      if (usage) events.push({ type: 'usage', usage });
      events.push({ type: 'fault', fault: faultInStream(textOr(from['error'])) });
      return;
    }
    const raw = textOr(from['finish_reason']) || 'COMPLETE';
    events.push({ type: 'finish', choice: 0, reason: parseFinish(raw), raw });
    if (usage) events.push({ type: 'usage', usage });
    events.push({ type: 'end' });
    this.#ended = true;
  }

  #begin(kind: BlockKind, more: { id?: string; name?: string }, events: AnswerEvent[]): number {
    this.#close(events);
    const block = this.#next++;
    this.#open = { block, kind };
    events.push({ type: 'block-start', choice: 0, block, kind, ...more });
    return block;
  }

  #close(events: AnswerEvent[]): void {
    if (!this.#open) return;
    const { block, kind } = this.#open;
    // A tool called without arguments has none, or `null`: it means an empty object.
    if (kind === 'tool-call' && !this.#hasArguments)
      events.push({ type: 'delta', choice: 0, block, text: '{}' });
    events.push({ type: 'block-stop', choice: 0, block });
    this.#open = null;
  }
}

/** https://docs.cohere.com/reference/chat#response */
export function parseAnswer(body: JsonObject): AnswerEvent[] {
  if (!isObject(body['message']))
    throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "message".');
  return new ChatReader().readMessage(body);
}
