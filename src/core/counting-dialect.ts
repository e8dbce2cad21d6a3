import type { AnswerEvent } from './answer.ts';
import type { JsonObject } from './call.ts';
import type { Dialect, Operation } from './contracts/dialect.ts';
import { Fault } from './fault.ts';
import type { Target } from './target.ts';
import type { Usage } from './usage.ts';

/** How a vendor counts the tokens of a call without making it. */
export interface CountingWords {
  readonly name: string;
  readonly operations: readonly string[];
  /** The call to be counted, as the chat takes it; absent: the body itself. */
  callIn?(body: JsonObject): JsonObject;
  /** Where in the body that call stands, if nowhere but there. */
  readonly place?: readonly string[];
  /** Fields of a call that a count of it takes; absent: all of them. */
  readonly takes?: readonly string[];
  /** The body of a count from that of the call. */
  wrap?(call: JsonObject, target: Target): JsonObject;
  path(target: Target): string;
  relayEdits?(body: JsonObject, target: Target): ReadonlyMap<string, string | null>;
  /** Does a refusal say that there is no count of this model? */
  lacks?(refusal: Fault): boolean;
  /** The figure in an answer; undefined where it has none. */
  read(answer: JsonObject): unknown;
  write(tokens: number): JsonObject;
}

/** A dialect of counts: a call is understood, and written, as the chat beside it does. Nothing is used by it. */
export function countingDialect(words: CountingWords, chat: Dialect): Dialect {
  const { callIn = (body: JsonObject) => body, takes, wrap = (call: JsonObject) => call } = words;
  const { keeping } = chat.client;
  const { relayLosses: _, refusesAskedUsage: __, framings: ___, ...provider } = chat.provider;
  return {
    name: words.name,
    surface: 'count',
    family: chat.family,
    client: {
      ...chat.client,
      operations: words.operations.map((path): Operation => ({ kind: 'count-tokens', method: 'POST', path })),
      brief: (body, line) => ({
        ...chat.client.brief(callIn(body), line),
        stream: false,
        maxOutputTokens: 0,
        choices: 1,
        wantsUsage: true,
        free: true,
      }),
      vendorIds: (body) => chat.client.vendorIds(callIn(body)),
      ...(keeping && { keeping: { ...keeping, namesOf: (body) => keeping.namesOf(callIn(body)) } }),
      parseCall: (body, line) => ({ ...chat.client.parseCall(callIn(body), line), stream: false }),
      replaceState(body, open) {
        const call = callIn(body);
        if (body === call) return chat.client.replaceState(body, open);
        return words.place ? putBack(body, words.place, chat.client.replaceState(call, open)) : new Map();
      },
      renderAnswer: (events) => JSON.stringify(words.write(tokensIn(events))),
      renderEvent: notStreamed,
      renderEnding: notStreamed,
    },
    provider: {
      ...provider,
      path: (target) => words.path(target),
      relayEdits: (body, target, line) =>
        words.relayEdits?.(body, target) ?? provider.relayEdits(body, target, line),
      renderCall(conversation, target) {
        const { body, losses } = chat.provider.renderCall(conversation, target);
        const call = JSON.parse(body) as JsonObject;
        const taken =
          takes && Object.fromEntries(Object.entries(call).filter(([key]) => takes.includes(key)));
        return { body: JSON.stringify(wrap(taken ?? call, target)), losses };
      },
      parseAnswer(body) {
        const tokens = words.read(body);
        if (typeof tokens !== 'number' || !Number.isSafeInteger(tokens) || tokens < 0)
          throw new Fault('upstream/malformed-answer', "The upstream's answer has no count of tokens.");
        return counted(tokens);
      },
      parseFault(status, headers, body) {
        const fault = provider.parseFault(status, headers, body);
        return words.lacks?.(fault) ? new Fault('dialect/unsupported', fault.message, { status }) : fault;
      },
      eventReader: notStreamed,
      withoutUsage: (data) => data,
    },
  };
}

/** Edits of a call that stands within a body, as the edit of the body's field that it is in. */
function putBack(
  body: JsonObject,
  [outer, ...inner]: readonly string[],
  edits: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const edited = (value: unknown, path: readonly string[]): JsonObject => {
    const object = value as JsonObject;
    const [name, ...rest] = path;
    if (name !== undefined) return { ...object, [name]: edited(object[name], rest) };
    return {
      ...object,
      ...Object.fromEntries([...edits].map(([key, text]) => [key, JSON.parse(text) as unknown])),
    };
  };
  return edits.size === 0 ? edits : new Map([[outer!, JSON.stringify(edited(body[outer!], inner))]]);
}

const nothingUsed: Usage = { lines: [], source: 'provider', raw: null, flags: [] };

/** An answer that is a count. */
export const counted = (tokens: number): AnswerEvent[] => [
  { type: 'start', id: '', model: '', createdAtS: null },
  { type: 'result', result: { kind: 'count', tokens } },
  { type: 'usage', usage: nothingUsed },
  { type: 'end' },
];

function tokensIn(events: readonly AnswerEvent[]): number {
  for (const event of events)
    if (event.type === 'result' && event.result.kind === 'count') return event.result.tokens;
  throw new Fault('upstream/malformed-answer', 'The answer holds no count.');
}

function notStreamed(): never {
  throw new Fault('upstream/malformed-answer', 'A count is not streamed.');
}
