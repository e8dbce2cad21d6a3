import type { AnswerEvent, Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { faultOfError } from './faults.ts';
import { parseStopReason } from './stop-reason.ts';
import { parseUsage } from './usage.ts';

const numberOr = (value: unknown, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;
const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');

/** https://docs.anthropic.com/en/docs/build-with-claude/streaming */
export class MessageReader implements EventReader {
  /** Usage so far: later figures replace earlier ones, field by field. */
  #usage: Record<string, unknown> = {};
  #started = false;
  /** Blocks of the message under way, by the provider's index. */
  #blocks = new Map<number, number>();
  #next = 0;
  #open = new Set<number>();
  /** Open tool calls of whose arguments nothing came yet. */
  #bare = new Set<number>();

  read(event: SseEvent): AnswerEvent[] {
    let body: unknown;
    try {
      body = JSON.parse(event.data);
    } catch {
      // Said below.
    }
    if (!isObject(body))
      throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
    switch (body['type']) {
      case 'message_start':
        return this.#readStart(isObject(body['message']) ? body['message'] : {});
      case 'content_block_start':
        return this.#readBlock(
          numberOr(body['index'], 0),
          isObject(body['content_block']) ? body['content_block'] : {},
        );
      case 'content_block_delta':
        return this.#readDelta(
          this.#blocks.get(numberOr(body['index'], 0)),
          isObject(body['delta']) ? body['delta'] : {},
        );
      case 'content_block_stop': {
        const block = this.#blocks.get(numberOr(body['index'], 0));
        return block !== undefined && this.#open.has(block)
          ? this.#close(block)
          : [{ type: 'opaque', name: 'content_block_stop' }];
      }
      case 'message_delta':
        return this.#readMessageDelta(body);
      case 'message_stop':
        return [{ type: 'end' }];
      case 'ping':
        return [{ type: 'ping' }];
      case 'error':
        return [{ type: 'fault', fault: faultOfError(isObject(body['error']) ? body['error'] : {}, null) }];
      default:
        return [{ type: 'opaque', name: textOr(body['type']) }];
    }
  }

  finish(): AnswerEvent[] {
    return [...this.#open].flatMap((block) => this.#close(block));
  }

  /** A tool without arguments may stream none at all: in neutral words it has an empty object, as in a whole answer. */
  #close(block: number): AnswerEvent[] {
    const at = { choice: 0, block } as const;
    const isBare = this.#bare.delete(block);
    this.#open.delete(block);
    return [
      ...(isBare ? [{ type: 'delta', ...at, text: '{}' } as const] : []),
      { type: 'block-stop', ...at },
    ];
  }

  #readStart(message: JsonObject): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    // A fallback inside the provider begins the message anew, and counts its blocks from 0 again: for the client it is one.
    if (this.#started) {
      events.push(...this.finish(), { type: 'opaque', name: 'message_start' });
      this.#blocks.clear();
    } else
      events.push({
        type: 'start',
        id: textOr(message['id']),
        model: textOr(message['model']),
        createdAtS: null,
      });
    this.#started = true;
    // A step inside the provider can be a message that comes whole, its stop reason with it.
    for (const content of Array.isArray(message['content']) ? message['content'] : [])
      if (isObject(content)) events.push(...readWholeBlock(content, this.#next++));
    if (isObject(message['usage'])) {
      this.#merge(message['usage']);
      events.push({ type: 'usage', usage: parseUsage({ ...this.#usage }, 'provider_partial') });
    }
    this.#readStop(message, events);
    return events;
  }

  #readBlock(index: number, content: JsonObject): AnswerEvent[] {
    const block = this.#next++;
    this.#blocks.set(index, block);
    this.#open.add(block);
    const at = { choice: 0, block } as const;
    const delta = (text: string): AnswerEvent[] => (text === '' ? [] : [{ type: 'delta', ...at, text }]);
    switch (content['type']) {
      case 'text':
        return [{ type: 'block-start', ...at, kind: 'text' }, ...delta(textOr(content['text']))];
      case 'thinking':
        return [{ type: 'block-start', ...at, kind: 'reasoning' }, ...delta(textOr(content['thinking']))];
      case 'redacted_thinking':
        return [{ type: 'block-start', ...at, kind: 'reasoning', sealed: textOr(content['data']) }];
      case 'tool_use': {
        const input =
          isObject(content['input']) && Object.keys(content['input']).length
            ? JSON.stringify(content['input'])
            : '';
        if (input === '') this.#bare.add(block);
        return [
          {
            type: 'block-start',
            ...at,
            kind: 'tool-call',
            id: textOr(content['id']),
            name: textOr(content['name']),
          },
          ...delta(input),
        ];
      }
      default:
        return [{ type: 'block-start', ...at, kind: 'opaque', raw: content }];
    }
  }

  #readDelta(block: number | undefined, delta: JsonObject): AnswerEvent[] {
    if (block === undefined) return [{ type: 'opaque', name: 'content_block_delta' }];
    const at = { choice: 0, block } as const;
    switch (delta['type']) {
      case 'text_delta':
        return [{ type: 'delta', ...at, text: textOr(delta['text']) }];
      case 'thinking_delta':
        return [{ type: 'delta', ...at, text: textOr(delta['thinking']) }];
      case 'input_json_delta':
        if (textOr(delta['partial_json']) !== '') this.#bare.delete(block);
        return [{ type: 'delta', ...at, text: textOr(delta['partial_json']) }];
      case 'signature_delta':
        return [{ type: 'signature', ...at, signature: textOr(delta['signature']) }];
      case 'citations_delta':
        return isObject(delta['citation'])
          ? [{ type: 'citation', ...at, citation: citationOf(delta['citation']) }]
          : [{ type: 'opaque', name: 'citations_delta' }];
      default:
        return [{ type: 'opaque', name: textOr(delta['type']) }];
    }
  }

  #readMessageDelta(body: JsonObject): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    const delta = isObject(body['delta']) ? body['delta'] : {};
    if (isObject(body['usage'])) {
      this.#merge(body['usage']);
      events.push({ type: 'usage', usage: parseUsage({ ...this.#usage }, 'provider') });
    }
    this.#readStop(delta, events);
    return events.length ? events : [{ type: 'opaque', name: 'message_delta' }];
  }

  #readStop(said: JsonObject, events: AnswerEvent[]): void {
    const reason = said['stop_reason'];
    if (typeof reason !== 'string') return;
    const stopSequence = typeof said['stop_sequence'] === 'string' ? said['stop_sequence'] : null;
    events.push(...this.finish(), {
      type: 'finish',
      choice: 0,
      reason: parseStopReason(reason),
      stopSequence,
      raw: reason,
    });
  }

  #merge(usage: JsonObject): void {
    for (const [name, value] of Object.entries(usage)) {
      if (value !== null && value !== undefined && name !== '__proto__') this.#usage[name] = value;
    }
  }
}

/** https://docs.anthropic.com/en/docs/build-with-claude/citations: of the whole of its block. */
function citationOf(raw: JsonObject): Citation {
  const text = (name: string) => (typeof raw[name] === 'string' ? raw[name] : null);
  const url = text('url') ?? text('source');
  const title = text('title') ?? text('document_title');
  return { url, title, quote: text('cited_text'), start: null, end: null, raw };
}

function readWholeBlock(content: JsonObject, block: number): AnswerEvent[] {
  const at = { choice: 0, block } as const;
  const whole = (text: string): AnswerEvent[] => (text === '' ? [] : [{ type: 'delta', ...at, text }]);
  const events: AnswerEvent[] = [];
  switch (content['type']) {
    case 'text':
      events.push({ type: 'block-start', ...at, kind: 'text' }, ...whole(textOr(content['text'])));
      for (const citation of Array.isArray(content['citations']) ? content['citations'] : [])
        if (isObject(citation)) events.push({ type: 'citation', ...at, citation: citationOf(citation) });
      break;
    case 'thinking':
      events.push({ type: 'block-start', ...at, kind: 'reasoning' }, ...whole(textOr(content['thinking'])));
      if (typeof content['signature'] === 'string' && content['signature'] !== '')
        events.push({ type: 'signature', ...at, signature: content['signature'] });
      break;
    case 'redacted_thinking':
      events.push({ type: 'block-start', ...at, kind: 'reasoning', sealed: textOr(content['data']) });
      break;
    case 'tool_use':
      events.push(
        {
          type: 'block-start',
          ...at,
          kind: 'tool-call',
          id: textOr(content['id']),
          name: textOr(content['name']),
        },
        ...whole(JSON.stringify(content['input'] ?? {})),
      );
      break;
    default:
      events.push({ type: 'block-start', ...at, kind: 'opaque', raw: content });
  }
  return [...events, { type: 'block-stop', ...at }];
}

/** https://docs.anthropic.com/en/api/messages#response */
export function parseAnswer(body: JsonObject): AnswerEvent[] {
  if (!Array.isArray(body['content']))
    throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "content".');
  const events: AnswerEvent[] = [
    { type: 'start', id: textOr(body['id']), model: textOr(body['model']), createdAtS: null },
  ];
  const blocks = body['content'].filter(isObject);
  events.push(...blocks.flatMap((content, block) => readWholeBlock(content, block)));
  const reason = textOr(body['stop_reason']);
  const stopSequence = typeof body['stop_sequence'] === 'string' ? body['stop_sequence'] : null;
  events.push({ type: 'finish', choice: 0, reason: parseStopReason(reason), stopSequence, raw: reason });
  if (isObject(body['usage'])) events.push({ type: 'usage', usage: parseUsage(body['usage'], 'provider') });
  return [...events, { type: 'end' }];
}
