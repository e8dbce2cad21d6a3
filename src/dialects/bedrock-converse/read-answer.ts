import type { AnswerEvent, Citation } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { fromBytes } from '#core/opaque-state.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { faultInStream } from './faults.ts';
import { parseStopReason } from './stop-reason.ts';
import { parseUsage } from './usage.ts';

const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');
const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** Nothing here says who made an answer, or what it is called. */
const start: AnswerEvent = { type: 'start', id: '', model: '', createdAtS: null };

type Kind = 'text' | 'reasoning' | 'tool-call';
interface Open {
  readonly kind: Kind;
  /** Nothing of its arguments came yet. */
  bare: boolean;
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
export class ConverseReader implements EventReader {
  /** Blocks that are not stopped. Only tools begin with a word. */
  readonly #open = new Map<number, Open>();
  #started = false;
  readonly #awaited = new Set(['messageStop', 'metadata']);

  read({ data }: SseEvent): AnswerEvent[] {
    const [type, payload] = eventOf(data);
    if (this.#started || type === 'messageStart') return this.#readEvent(type, payload);
    this.#started = true;
    return [start, ...this.#readEvent(type, payload)];
  }

  #readEvent(type: string, payload: JsonObject): AnswerEvent[] {
    const index = typeof payload['contentBlockIndex'] === 'number' ? payload['contentBlockIndex'] : 0;
    switch (type) {
      case 'messageStart':
        this.#started = true;
        return [start];
      case 'contentBlockStart':
        return this.#readStart(index, objectOr(payload['start']));
      case 'contentBlockDelta':
        return this.#readDelta(index, objectOr(payload['delta']));
      case 'contentBlockStop':
        return this.#open.has(index) ? this.#close(index) : [{ type: 'opaque', name: type }];
      case 'messageStop':
        return this.#readStop(textOr(payload['stopReason']));
      case 'metadata': {
        const { usage, serviceTier } = payload;
        const told: AnswerEvent[] = isObject(usage)
          ? [{ type: 'usage', usage: parseUsage(usage, serviceTier) }]
          : [];
        return [...told, ...this.#end('metadata')];
      }
      default: {
        const fault = faultInStream(type, payload);
        // After that nothing is complete any more.
        if (fault) this.#awaited.clear();
        return [fault ? { type: 'fault', fault } : { type: 'opaque', name: type }];
      }
    }
  }

  /** What is used may go unsaid; that it stopped may not. */
  finish(): AnswerEvent[] {
    const isStopped = this.#awaited.size === 1 && this.#awaited.has('metadata');
    return [...this.#closeAll(), ...(isStopped ? this.#end('metadata') : [])];
  }

  #closeAll(): AnswerEvent[] {
    return [...this.#open.keys()].flatMap((index) => this.#close(index));
  }

  #readStop(raw: string): AnswerEvent[] {
    const reason = parseStopReason(raw);
    // Which one matched is not said.
    const stopSequence = raw === 'stop_sequence' ? '' : null;
    return [
      ...this.#closeAll(),
      { type: 'finish', choice: 0, reason, raw, stopSequence },
      ...this.#end('messageStop'),
    ];
  }

  /** Of the two that end a stream now the one comes last, now the other. */
  #end(came: string): AnswerEvent[] {
    this.#awaited.delete(came);
    return this.#awaited.size === 0 ? [{ type: 'end' }] : [];
  }

  #readStart(block: number, start: JsonObject): AnswerEvent[] {
    const tool = start['toolUse'];
    if (!isObject(tool)) return [{ type: 'opaque', name: 'contentBlockStart' }];
    // One follows the other, also where the end of the first goes unsaid.
    const before = this.#closeAll();
    this.#open.set(block, { kind: 'tool-call', bare: true });
    const [id, name] = [textOr(tool['toolUseId']), textOr(tool['name'])];
    return [...before, { type: 'block-start', choice: 0, block, kind: 'tool-call', id, name }];
  }

  #readDelta(block: number, delta: JsonObject): AnswerEvent[] {
    const at = { choice: 0, block } as const;
    if (isObject(delta['toolUse'])) {
      const text = textOr(delta['toolUse']['input']);
      const open = this.#open.get(block);
      if (open && text !== '') open.bare = false;
      return [{ type: 'delta', ...at, text }];
    }
    if (delta['text'] !== undefined)
      return [...this.#begin(block, 'text'), { type: 'delta', ...at, text: textOr(delta['text']) }];
    if (isObject(delta['citation']))
      return [
        ...this.#begin(block, 'text'),
        { type: 'citation', ...at, citation: citationOf(delta['citation']) },
      ];
    const reasoning = delta['reasoningContent'];
    if (!isObject(reasoning)) return [{ type: 'opaque', name: 'contentBlockDelta' }];
    if (typeof reasoning['redactedContent'] === 'string') {
      const before = this.#closeAll();
      this.#open.set(block, { kind: 'reasoning', bare: false });
      const sealed = fromBytes(reasoning['redactedContent']);
      return [...before, { type: 'block-start', ...at, kind: 'reasoning', sealed }];
    }
    const begun = this.#begin(block, 'reasoning');
    if (typeof reasoning['signature'] === 'string')
      return [...begun, { type: 'signature', ...at, signature: reasoning['signature'] }];
    return [...begun, { type: 'delta', ...at, text: textOr(reasoning['text']) }];
  }

  #begin(block: number, kind: Kind): AnswerEvent[] {
    if (this.#open.has(block)) return [];
    const before = this.#closeAll();
    this.#open.set(block, { kind, bare: false });
    return [...before, { type: 'block-start', choice: 0, block, kind }];
  }

  /** A tool without arguments may stream none at all: in neutral words it has an empty object, as in a whole answer. */
  #close(block: number): AnswerEvent[] {
    const at = { choice: 0, block } as const;
    const isBare = this.#open.get(block)?.bare === true;
    this.#open.delete(block);
    return [
      ...(isBare ? [{ type: 'delta', ...at, text: '{}' } as const] : []),
      { type: 'block-stop', ...at },
    ];
  }
}

/** The one member of an event is named after its type. */
function eventOf(data: string): readonly [string, JsonObject] {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    // Said below.
  }
  const [first] = isObject(event) ? Object.entries(event) : [];
  if (!first)
    throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
  return [first[0], objectOr(first[1])];
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CitationsDelta.html */
function citationOf(raw: JsonObject): Citation {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
  const web = objectOr(objectOr(raw['location'])['web']);
  const content = Array.isArray(raw['sourceContent']) ? raw['sourceContent'].filter(isObject) : [];
  const quote = content.map((part) => textOr(part['text'])).join('');
  return {
    url: text(web['url']) ?? text(raw['source']),
    title: text(raw['title']),
    quote: text(quote),
    start: null,
    end: null,
    raw,
  };
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax */
export function parseAnswer(body: JsonObject): AnswerEvent[] {
  const message = objectOr(body['output'])['message'];
  if (!isObject(message))
    throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "output.message".');
  const content = Array.isArray(message['content']) ? message['content'].filter(isObject) : [];
  const raw = textOr(body['stopReason']);
  return [
    start,
    ...content.flatMap((block, i) => readWhole(block, i)),
    {
      type: 'finish',
      choice: 0,
      reason: parseStopReason(raw),
      raw,
      stopSequence: raw === 'stop_sequence' ? '' : null,
    },
    ...(isObject(body['usage'])
      ? [{ type: 'usage', usage: parseUsage(body['usage'], body['serviceTier']) } as const]
      : []),
    { type: 'end' },
  ];
}

function readWhole(content: JsonObject, block: number): AnswerEvent[] {
  const at = { choice: 0, block } as const;
  const said = (kind: Kind, text: string, more: readonly AnswerEvent[] = []): AnswerEvent[] => [
    { type: 'block-start', ...at, kind },
    ...(text === '' ? [] : [{ type: 'delta', ...at, text } as const]),
    ...more,
    { type: 'block-stop', ...at },
  ];
  if (typeof content['text'] === 'string') return said('text', content['text']);
  const cited = content['citationsContent'];
  if (isObject(cited)) {
    const texts = Array.isArray(cited['content']) ? cited['content'].filter(isObject) : [];
    const citations = Array.isArray(cited['citations']) ? cited['citations'].filter(isObject) : [];
    const events = citations.map((each): AnswerEvent => ({
      type: 'citation',
      ...at,
      citation: citationOf(each),
    }));
    return said('text', texts.map((part) => textOr(part['text'])).join(''), events);
  }
  const tool = content['toolUse'];
  if (isObject(tool)) {
    const [id, name] = [textOr(tool['toolUseId']), textOr(tool['name'])];
    return [
      { type: 'block-start', ...at, kind: 'tool-call', id, name },
      { type: 'delta', ...at, text: JSON.stringify(tool['input'] ?? {}) },
      { type: 'block-stop', ...at },
    ];
  }
  const reasoning = content['reasoningContent'];
  if (isObject(reasoning)) {
    const sealed = reasoning['redactedContent'];
    if (typeof sealed === 'string')
      return [
        { type: 'block-start', ...at, kind: 'reasoning', sealed: fromBytes(sealed) },
        { type: 'block-stop', ...at },
      ];
    const { text, signature } = objectOr(reasoning['reasoningText']);
    const proof = textOr(signature);
    return said(
      'reasoning',
      textOr(text),
      proof === '' ? [] : [{ type: 'signature', ...at, signature: proof }],
    );
  }
  return [
    { type: 'block-start', ...at, kind: 'opaque', raw: content },
    { type: 'block-stop', ...at },
  ];
}
