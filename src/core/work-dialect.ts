import type { AnswerEvent } from './answer.ts';
import type { CallBrief, JsonObject, Loss } from './call.ts';
import type { CallLine, Dialect, Operation, ProviderSide, RenderContext } from './contracts/dialect.ts';
import { Fault } from './fault.ts';
import { optional, readString } from './read-json.ts';
import type { Target } from './target.ts';
import type { Usage } from './usage.ts';
import type { Work, WorkResult } from './work.ts';
import { callOf } from './work-call.ts';

/** What an answer to work says. */
export interface WorkAnswer<R> {
  readonly result: R;
  readonly usage: Usage | null;
  readonly id: string | null;
  readonly model: string | null;
}

type WorkKind = Work['kind'];
type Of<K extends WorkKind, U extends { readonly kind: string }> = Extract<U, { readonly kind: K }>;

/** The words of one vendor for one kind of work. */
export interface WorkWords<K extends WorkKind> {
  readonly name: string;
  readonly surface: K;
  readonly operations: readonly string[];
  /** Fields of a body that are understood: given twice, they are refused; others are the vendor's own. */
  readonly fields: readonly string[];
  /** Where neither path nor body names one. */
  readonly defaultModel?: string;
  /** @throws Fault `request/invalid-field` naming the field. */
  parse(body: JsonObject, line: CallLine): Of<K, Work>;
  /** Fields of the client's own, where they do not stand at the top of the body. */
  restOf?(body: JsonObject): JsonObject;
  /** @throws Fault `dialect/not-carried` for what cannot be left out. */
  render(work: Of<K, Work>, target: Target): { readonly body: JsonObject; readonly losses: readonly Loss[] };
  path(target: Target, line: CallLine | null): string;
  /** Fields to set in a body of the same dialect besides the model. */
  relayEdits?(body: JsonObject, target: Target): ReadonlyMap<string, string | null>;
  /** @throws Fault `upstream/malformed-answer`. */
  read(body: JsonObject): WorkAnswer<Of<K, WorkResult>>;
  write(answer: WorkAnswer<Of<K, WorkResult>>, context: RenderContext): JsonObject;
  /** Does the model stand in the path, and not in the body? */
  readonly modelInPath?: true;
}

/** A dialect of work. Errors, limits and headers are those of the chat of the same vendor beside it. */
export function workDialect<K extends 'embeddings' | 'rerank'>(words: WorkWords<K>, chat: Dialect): Dialect {
  const known = new Set(words.fields);
  const operations = words.operations.map((path): Operation => ({ kind: 'work', method: 'POST', path }));
  const restOf = (body: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(body).filter(([key, value]) => !known.has(key) && value !== null && value !== undefined),
    );
  return {
    name: words.name,
    surface: words.surface,
    family: chat.family,
    client: {
      ...chat.client,
      operations,
      interpretedKeys: words.fields,
      brief: (body, line) => briefOf(body, line, words.defaultModel),
      vendorIds: () => [],
      vendorIdWords: null,
      parseCall: (body, line) =>
        callOf(words.parse(body, line), { dialect: words.name, rest: (words.restOf ?? restOf)(body) }),
      replaceState: () => new Map(),
      renderAnswer(events, context) {
        return JSON.stringify(words.write(answerOf(events) as WorkAnswer<Of<K, WorkResult>>, context));
      },
      renderEvent: notStreamed,
      renderEnding: notStreamed,
      repeats: true,
    },
    provider: {
      ...withoutStreams(chat.provider),
      path: (target, { line }) => words.path(target, line),
      relayEdits(body, target) {
        const edits = new Map(words.relayEdits?.(body, target));
        if (!words.modelInPath && body['model'] !== target.model)
          edits.set('model', JSON.stringify(target.model));
        return edits;
      },
      renderCall({ work, rest }, target) {
        const { body, losses } = words.render(work as Of<K, Work>, target);
        return { body: JSON.stringify(body), losses: [...losses, ...lossesOfFields(rest)] };
      },
      parseAnswer: (body) => eventsOf(words.read(body)),
    },
  };
}

function briefOf(body: JsonObject, { parameters }: CallLine, defaultModel: string | undefined): CallBrief {
  const named = parameters['model'] ?? optional(body['model'], 'model', readString) ?? defaultModel;
  return {
    model: named ?? readString(body['model'], 'model'),
    stream: false,
    // What comes is not made of tokens.
    maxOutputTokens: 0,
    choices: 1,
    wantsUsage: true,
  };
}

function withoutStreams(provider: ProviderSide): ProviderSide {
  const { relayLosses: _, refusesAskedUsage: __, framings: ___, ...rest } = provider;
  return { ...rest, eventReader: notStreamed, withoutUsage: (data) => data };
}

function notStreamed(): never {
  throw new Fault('upstream/malformed-answer', 'The upstream streams an answer that has no such form.');
}

function answerOf(events: readonly AnswerEvent[]): WorkAnswer<WorkResult> {
  let answer: WorkAnswer<WorkResult | null> = { result: null, usage: null, id: null, model: null };
  for (const event of events) {
    if (event.type === 'start') answer = { ...answer, id: event.id || null, model: event.model || null };
    else if (event.type === 'result') answer = { ...answer, result: event.result };
    else if (event.type === 'usage') answer = { ...answer, usage: event.usage };
  }
  const { result } = answer;
  if (result === null) throw new Fault('upstream/malformed-answer', 'The answer holds no result.');
  return { ...answer, result };
}

function eventsOf({ result, usage, id, model }: WorkAnswer<WorkResult>): AnswerEvent[] {
  return [
    { type: 'start', id: id ?? '', model: model ?? '', createdAtS: null },
    { type: 'result', result },
    ...(usage ? [{ type: 'usage', usage } as const] : []),
    { type: 'end' },
  ];
}

/** Fields of the caller's own that no other dialect has a word for. */
const lossesOfFields = (rest: JsonObject): Loss[] =>
  Object.keys(rest).map((field) => ({ field, reason: 'the target has no word for it' }));
