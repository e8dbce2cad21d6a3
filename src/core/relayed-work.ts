import type { AnswerEvent } from './answer.ts';
import type { CallBrief, JsonObject } from './call.ts';
import type { CallLine, Dialect, EventReader, Operation } from './contracts/dialect.ts';
import { Fault } from './fault.ts';
import { isObject, readString } from './read-json.ts';
import type { SseEvent } from './sse-event.ts';
import type { Usage } from './usage.ts';
import type { OtherWork } from './work.ts';
import { callOf } from './work-call.ts';

/** One vendor's way with work that passes within its dialect only: what the gateway reads of it. */
export interface RelayedWords {
  readonly name: string;
  readonly surface: OtherWork['kind'];
  /** Paths before those of its operations; a provider has them below its base URL, without. */
  readonly places: readonly string[];
  /** Such as `/images/edits`. */
  readonly operations: readonly string[];
  /** Given twice, they are refused. */
  readonly interpretedKeys: readonly string[];
  readonly defaultModel?: string;
  /** See `ClientSide.forms` and `ProviderSide.unread`. */
  readonly forms?: true;
  readonly unread?: readonly string[];
  /** Paths of fields that name something kept at the provider; see `ClientSide.vendorIds`. */
  vendorIds?(body: JsonObject): readonly string[];
  readonly vendorIdWords?: RegExp | null;
  choices?(body: JsonObject): number;
  streams?(body: JsonObject): boolean;
  /** @throws Fault `request/invalid-field` naming the field. */
  parse(body: JsonObject, line: CallLine): OtherWork;
  /** Of a whole answer, or of the event of a stream that has it; null where it says nothing. */
  usageOf(answer: JsonObject): Usage | null;
  /** Without such an event a stream is cut short; several answers in one stream have one each. */
  isLast?(event: JsonObject): boolean;
}

/** Such a dialect. Errors, limits and headers are those of the chat of the same vendor beside it. */
export function relayedWork(words: RelayedWords, chat: Dialect): Dialect {
  const operations = words.operations.flatMap((path) =>
    words.places.map((place): Operation => {
      return { kind: 'work', method: 'POST', path: `${place}${path}` };
    }),
  );
  const { relayLosses: _, refusesAskedUsage: __, framings: ___, ...provider } = chat.provider;
  return {
    name: words.name,
    surface: words.surface,
    family: chat.family,
    client: {
      ...chat.client,
      operations,
      interpretedKeys: words.interpretedKeys,
      ...(words.forms ? { forms: true } : {}),
      brief: (body, line) => briefOf(body, line, words),
      vendorIds: words.vendorIds ?? (() => []),
      vendorIdWords: words.vendorIdWords ?? null,
      parseCall: (body, line) => callOf(words.parse(body, line), { dialect: words.name }),
      replaceState: () => new Map(),
      renderAnswer: neverRendered,
      renderEvent: neverRendered,
      renderEnding: () => '',
    },
    provider: {
      ...provider,
      ...(words.unread ? { unread: words.unread } : {}),
      path: (_target, { line }) => words.operations.find((path) => line!.operation.path.endsWith(path))!,
      relayEdits: ({ model }, target) =>
        model === target.model ? new Map() : new Map([['model', JSON.stringify(target.model)]]),
      renderCall: neverRendered,
      parseAnswer: (body) => eventsOf(body, words),
      eventReader: () => new WorkReader(words),
      withoutUsage: (data) => data,
    },
  };
}

function briefOf(body: JsonObject, { parameters }: CallLine, words: RelayedWords): CallBrief {
  const model = parameters['model'] ?? body['model'] ?? words.defaultModel;
  return {
    model: readString(model, 'model'),
    stream: words.streams?.(body) ?? false,
    // What comes is counted by what it is, and not held beforehand.
    maxOutputTokens: 0,
    choices: words.choices?.(body) ?? 1,
    wantsUsage: true,
  };
}

/** There is no other dialect of its surface. */
function neverRendered(): never {
  throw new Fault('dialect/unsupported', 'This work passes within its own dialect only.');
}

function eventsOf(answer: JsonObject, { usageOf }: RelayedWords): AnswerEvent[] {
  const usage = usageOf(answer);
  const id = typeof answer['id'] === 'string' ? answer['id'] : '';
  return [
    { type: 'start', id, model: '', createdAtS: null },
    ...(usage ? [{ type: 'usage', usage } as const] : []),
    { type: 'end' },
  ];
}

/** Events pass whole: each is a block that no other dialect knows. */
class WorkReader implements EventReader {
  readonly #words: RelayedWords;
  #blocks = 0;
  #usage: Usage | null = null;
  #complete = false;

  constructor(words: RelayedWords) {
    this.#words = words;
  }

  read({ data }: SseEvent): AnswerEvent[] {
    if (data === '[DONE]') return [];
    const event = parse(data);
    if (isObject(event['error'])) throw faultOf(event['error']);
    if (this.#words.isLast?.(event)) this.#complete = true;
    const block = this.#blocks++;
    const came = this.#words.usageOf(event);
    if (came) this.#usage = this.#usage ? plus(this.#usage, came) : came;
    return [
      { type: 'block-start', choice: 0, block, kind: 'opaque', raw: event },
      { type: 'block-stop', choice: 0, block },
      ...(came ? [{ type: 'usage', usage: this.#usage! } as const] : []),
    ];
  }

  finish(): AnswerEvent[] {
    return this.#complete ? [{ type: 'end' }] : [];
  }
}

/** Of one answer after the other. */
const plus = (before: Usage, came: Usage): Usage => ({
  ...came,
  lines: [...before.lines, ...came.lines],
  raw: [before.raw, came.raw].flat(),
  flags: [...new Set([...before.flags, ...came.flags])],
});

function parse(data: string): JsonObject {
  try {
    const event: unknown = JSON.parse(data);
    if (isObject(event)) return event;
  } catch {
    // Said below.
  }
  throw new Fault('upstream/malformed-answer', 'An event of the stream is not a JSON object.');
}

const faultOf = ({ message }: JsonObject): Fault =>
  new Fault('upstream/closed', `The upstream ended its stream with an error: ${String(message)}`);
