import type { AnswerEvent } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { ItemReader, numberOr, textOr } from './read-items.ts';
import { parseStatus, wordOf } from './status.ts';
import { parseUsage } from './usage.ts';

/** What an error object means, told by the chat of the same vendor. */
export type FaultOf = (error: JsonObject) => Fault;

const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** https://platform.openai.com/docs/api-reference/responses-streaming */
export class ResponseReader implements EventReader {
  readonly #items = new ItemReader();
  readonly #faultOf: FaultOf;
  #started = false;

  constructor(faultOf: FaultOf) {
    this.#faultOf = faultOf;
  }

  read(event: SseEvent): AnswerEvent[] {
    // Some servers of this dialect end their streams as those of the chat do.
    if (event.data === '[DONE]') return [];
    let body: unknown;
    try {
      body = JSON.parse(event.data);
    } catch {
      // Said below.
    }
    if (!isObject(body))
      throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
    const type = textOr(body['type']) || event.name;
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return this.#start(objectOr(body['response']));
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        return this.readEnd(objectOr(body['response']));
      case 'error':
        return [{ type: 'fault', fault: this.#faultOf(errorOf(body)) }];
      case 'keepalive':
        return [{ type: 'ping' }];
      default:
        return this.#items.read(type, body) ?? [{ type: 'opaque', name: type }];
    }
  }

  finish(): AnswerEvent[] {
    return this.#items.close();
  }

  #start(response: JsonObject): AnswerEvent[] {
    if (this.#started) return [{ type: 'ping' }];
    this.#started = true;
    const created = numberOr(response['created_at'], -1);
    return [
      {
        type: 'start',
        id: textOr(response['id']),
        model: textOr(response['model']),
        createdAtS: created < 0 ? null : Math.floor(created),
      },
    ];
  }

  /** The response as it stands at last; a whole answer is read as this one event. */
  readEnd(response: JsonObject): AnswerEvent[] {
    const events = this.#started ? [] : this.#start(response);
    events.push(...this.#items.close());
    // Items that never were streamed are told here.
    const output: unknown[] = Array.isArray(response['output']) ? response['output'] : [];
    if (this.#items.isUntouched)
      output.forEach((item, index) => {
        if (isObject(item)) events.push(...this.#items.readWhole(item, index));
      });
    const usage: AnswerEvent[] = isObject(response['usage'])
      ? [{ type: 'usage', usage: parseUsage(response['usage'], response) }]
      : [];
    if (response['status'] === 'failed')
      return [...events, ...usage, { type: 'fault', fault: this.#faultOf(objectOr(response['error'])) }];
    events.push({
      type: 'finish',
      choice: 0,
      reason: parseStatus(response, this.#items.callsTool),
      raw: wordOf(response),
    });
    return [...events, ...usage, { type: 'end' }];
  }
}

/** Documented with its fields beside the type, and sent with them below `error`. */
function errorOf(body: JsonObject): JsonObject {
  if (isObject(body['error'])) return body['error'];
  const { type: _, ...error } = body;
  return error;
}

/** https://platform.openai.com/docs/api-reference/responses/object */
export function parseAnswer(body: JsonObject, faultOf: FaultOf): AnswerEvent[] {
  if (!Array.isArray(body['output']))
    throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "output".');
  return new ResponseReader(faultOf).readEnd(body);
}
