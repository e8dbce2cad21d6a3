import type { AnswerEvent, BlockKind, FinishReason } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { faultOfLine } from './faults.ts';
import { messageOf } from './generate.ts';
import { parseUsage } from './usage.ts';

/** `load` and `unload` are answers to calls without messages. */
const reasons: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length' };

/** Reads lines of a stream; a whole answer is a line of its own. https://docs.ollama.com/api/streaming */
export class LineReader implements EventReader {
  #started = false;
  #ended = false;
  #next = 0;
  #open: { readonly block: number; readonly kind: BlockKind } | null = null;
  #calls = 0;
  /** Of the first line: what makes ids of tool calls differ from those of other answers. */
  #stamp = '';

  read(event: SseEvent): AnswerEvent[] {
    let line: unknown;
    try {
      line = JSON.parse(event.data);
    } catch {
      // Said below.
    }
    if (!isObject(line))
      throw new Fault('upstream/malformed-answer', 'The upstream sent a line that is not a JSON object.');
    return this.readLine(line);
  }

  readLine(line: JsonObject): AnswerEvent[] {
    const fault = faultOfLine(line);
    if (fault) return [{ type: 'fault', fault }];
    if (this.#ended) return [];
    const events: AnswerEvent[] = [];
    if (!this.#started) this.#start(line, events);
    const message = isObject(line['message']) ? line['message'] : messageOf(line);
    if (typeof message['thinking'] === 'string') this.#say('reasoning', message['thinking'], events);
    if (typeof message['content'] === 'string') this.#say('text', message['content'], events);
    const calls = message['tool_calls'];
    for (const call of Array.isArray(calls) ? calls : []) if (isObject(call)) this.#call(call, events);
    if (line['done'] === true) this.#done(line, events);
    return events;
  }

  finish(): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    this.#close(events);
    return events;
  }

  #start(line: JsonObject, events: AnswerEvent[]): void {
    this.#started = true;
    const createdAt = typeof line['created_at'] === 'string' ? line['created_at'] : '';
    const createdAtMs = Date.parse(createdAt);
    const digits = createdAt.replaceAll(/\D/g, '').slice(0, 24);
    if (digits !== '') this.#stamp = `${BigInt(digits).toString(36)}_`;
    events.push({
      type: 'start',
      id: '',
      model: typeof line['model'] === 'string' ? line['model'] : '',
      createdAtS: Number.isNaN(createdAtMs) ? null : Math.floor(createdAtMs / 1000),
    });
  }

  #say(kind: BlockKind, text: string, events: AnswerEvent[]): void {
    if (text === '') return;
    const block = this.#open?.kind === kind ? this.#open.block : this.#begin(kind, {}, events);
    events.push({ type: 'delta', choice: 0, block, text });
  }

  /** Whole in one line. Most servers give no ids: one is made of when the answer was, and of the call's number. */
  #call(call: JsonObject, events: AnswerEvent[]): void {
    const fn = isObject(call['function']) ? call['function'] : {};
    const given = typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : null;
    const id = given ?? `call_${this.#stamp}${this.#calls}`;
    this.#calls++;
    const block = this.#begin(
      'tool-call',
      { id, name: typeof fn['name'] === 'string' ? fn['name'] : '' },
      events,
    );
    const args = fn['arguments'];
    const text = typeof args === 'string' ? args : JSON.stringify(isObject(args) ? args : {});
    events.push({ type: 'delta', choice: 0, block, text });
    this.#close(events);
  }

  #done(line: JsonObject, events: AnswerEvent[]): void {
    this.#close(events);
    const raw = typeof line['done_reason'] === 'string' ? line['done_reason'] : 'stop';
    const reason = reasons[raw] ?? 'other';
    // That it calls tools has no word of its own here.
    const calls = reason === 'stop' && this.#calls > 0;
    events.push({ type: 'finish', choice: 0, reason: calls ? 'tool-calls' : reason, raw });
    const usage = parseUsage(line);
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
    events.push({ type: 'block-stop', choice: 0, block: this.#open.block });
    this.#open = null;
  }
}

/** https://docs.ollama.com/api/chat */
export function parseAnswer(body: JsonObject): AnswerEvent[] {
  const { message, response, error } = body;
  if (!isObject(message) && typeof response !== 'string' && typeof error !== 'string')
    throw new Fault(
      'upstream/malformed-answer',
      'The upstream\'s answer has neither "message" nor "response".',
    );
  return new LineReader().readLine({ ...body, done: true });
}
