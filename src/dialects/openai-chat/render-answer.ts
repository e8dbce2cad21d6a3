import {
  advance,
  blockOf,
  newStreamState,
  ordinalOf,
  type AnswerEvent,
  type Citation,
  type Delta,
  type StreamState,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { renderFinish } from './finish-reason.ts';
import { renderUsage } from './usage.ts';

/** One chunk, as an SSE event. https://platform.openai.com/docs/api-reference/chat/streaming */
function chunk(state: StreamState, context: RenderContext, fields: JsonObject): string {
  return `${headOf(state, context)},${JSON.stringify(fields).slice(1)}\n\n`;
}

/** What every chunk begins with, without its last brace. */
function headOf(state: StreamState, context: RenderContext): string {
  const id = JSON.stringify(state.id === '' ? `chatcmpl-${context.exchangeId}` : state.id);
  const created = state.createdAtS || context.nowS;
  return `data: {"id":${id},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(context.model)}`;
}

/** A piece of text, which nearly all chunks are, put together by hand. */
function textChunk(state: StreamState, context: RenderContext, field: string, event: Delta): string {
  const delta = `{"${field}":${JSON.stringify(event.text)}}`;
  const choice = `{"index":${event.choice},"delta":${delta},"logprobs":null,"finish_reason":null}`;
  return `${headOf(state, context)},"choices":[${choice}]}\n\n`;
}

const choiceOf = (index: number, delta: JsonObject, finish: string | null = null) => ({
  choices: [{ index, delta, logprobs: null, finish_reason: finish }],
});

export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  switch (event.type) {
    case 'start':
      return chunk(
        { ...state, id: event.id, createdAtS: event.createdAtS ?? 0 },
        context,
        choiceOf(0, { role: 'assistant', content: '' }),
      );
    case 'block-start':
      return renderBlockStart(event, state, context);
    case 'delta': {
      const kind = blockOf(state, event)?.kind ?? 'text';
      if (kind === 'opaque') return '';
      if (kind !== 'tool-call') {
        const field = kind === 'text' ? 'content' : kind === 'refusal' ? 'refusal' : 'reasoning_content';
        return textChunk(state, context, field, event);
      }
      const index = ordinalOf(state, event, ['tool-call']);
      return chunk(
        state,
        context,
        choiceOf(event.choice, { tool_calls: [{ index, function: { name: '', arguments: event.text } }] }),
      );
    }
    case 'signature':
      return chunk(
        state,
        context,
        choiceOf(event.choice, {
          reasoning_details: [{ type: 'reasoning.signature', signature: event.signature }],
        }),
      );
    case 'citation': {
      const annotations = renderCitation(event.citation);
      return annotations.length === 0 ? '' : chunk(state, context, choiceOf(event.choice, { annotations }));
    }
    case 'finish':
      return chunk(
        state,
        context,
        choiceOf(event.choice, roleOf(event.choice, state), renderFinish(event.reason)),
      );
    case 'end':
      return renderTail(state, context);
    default:
      // Usage is said once, at the end. What else there is has no word here.
      return '';
  }
}

/**
 * Only what has an address can be cited here.
 * https://platform.openai.com/docs/guides/tools-web-search#output-and-citations
 */
function renderCitation({ url, title, quote, start, end }: Citation): JsonObject[] {
  if (url === null) return [];
  const place = { start_index: start ?? 0, end_index: end ?? 0 };
  const cited = { url, title: title ?? '', ...(quote === null ? {} : { content: quote }) };
  return [{ type: 'url_citation', url_citation: { ...place, ...cited } }];
}

function renderBlockStart(
  event: AnswerEvent & { type: 'block-start' },
  state: StreamState,
  context: RenderContext,
): string {
  const role = roleOf(event.choice, state);
  const begin = Object.keys(role).length ? chunk(state, context, choiceOf(event.choice, role)) : '';
  if (event.kind === 'tool-call') {
    const index = state.begun.filter((b) => b.choice === event.choice && b.kind === 'tool-call').length;
    const call = {
      index,
      id: event.id ?? `call_${context.exchangeId}_${index}`,
      type: 'function',
      function: { name: event.name ?? '', arguments: '' },
    };
    return begin + chunk(state, context, choiceOf(event.choice, { tool_calls: [call] }));
  }
  if (event.sealed === undefined) return begin;
  const details = [{ type: 'reasoning.encrypted', data: event.sealed }];
  return begin + chunk(state, context, choiceOf(event.choice, { reasoning_details: details }));
}

/** What opens a choice. The first one is opened by the start; another by whatever it says first. */
function roleOf(choice: number, state: StreamState): JsonObject {
  const isOpen = choice === 0 || state.begun.some((block) => block.choice === choice);
  return isOpen ? {} : { role: 'assistant', content: '' };
}

function renderTail(state: StreamState, context: RenderContext): string {
  const usage =
    context.wantsUsage && state.usage
      ? chunk(state, context, { choices: [], usage: renderUsage(state.usage) })
      : '';
  return `${usage}data: [DONE]\n\n`;
}

export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const begin = state.started ? '' : chunk(state, context, choiceOf(0, { role: 'assistant', content: '' }));
  const choices = new Set([0, ...state.begun.map((block) => block.choice)]);
  const finishes = [...choices]
    .filter((choice) => !state.finished.has(choice))
    .map((choice) => chunk(state, context, choiceOf(choice, {}, renderFinish(ending.reason))));
  return begin + finishes.join('') + renderTail({ ...state, usage: ending.usage ?? state.usage }, context);
}

interface Message {
  content: string | null;
  refusal: string | null;
  annotations?: JsonObject[];
  reasoning_content?: string;
  reasoning_details?: JsonObject[];
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[];
}

/** https://platform.openai.com/docs/api-reference/chat/object */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const messages = new Map<number, { message: Message; finish: string }>();
  const reasoned = new Map<string, string>();
  const at = (choice: number) => {
    let entry = messages.get(choice);
    if (!entry) messages.set(choice, (entry = { message: { content: null, refusal: null }, finish: 'stop' }));
    return entry;
  };
  for (const event of events) {
    if (event.type === 'block-start') beginBlock(at(event.choice).message, event);
    else if (event.type === 'delta') {
      const kind = blockOf(state, event)?.kind ?? 'text';
      addText(at(event.choice).message, kind, {
        text: event.text,
        ordinal: ordinalOf(state, event, ['tool-call']),
      });
      const key = `${event.choice}/${event.block}`;
      if (kind === 'reasoning') reasoned.set(key, (reasoned.get(key) ?? '') + event.text);
    } else if (event.type === 'signature') {
      const { message } = at(event.choice);
      (message.reasoning_details ??= []).push({
        type: 'reasoning.signature',
        // Of this block alone: a signature proves no other text than its own.
        text: reasoned.get(`${event.choice}/${event.block}`) ?? '',
        signature: event.signature,
      });
    } else if (event.type === 'citation') {
      const { message } = at(event.choice);
      const annotations = renderCitation(event.citation);
      if (annotations.length > 0) (message.annotations ??= []).push(...annotations);
    } else if (event.type === 'finish') at(event.choice).finish = renderFinish(event.reason);
    advance(state, event);
  }
  if (messages.size === 0) at(0).message.content = '';
  return JSON.stringify({
    id: state.id === '' ? `chatcmpl-${context.exchangeId}` : state.id,
    object: 'chat.completion',
    created: state.createdAtS || context.nowS,
    model: context.model,
    choices: [...messages].map(([index, { message, finish }]) => ({
      index,
      message: { role: 'assistant', ...message },
      logprobs: null,
      finish_reason: finish,
    })),
    ...(state.usage ? { usage: renderUsage(state.usage) } : {}),
  });
}

function beginBlock(message: Message, event: AnswerEvent & { type: 'block-start' }): void {
  if (event.kind === 'tool-call') {
    (message.tool_calls ??= []).push({
      id: event.id ?? '',
      type: 'function',
      function: { name: event.name ?? '', arguments: '' },
    });
  } else if (event.sealed !== undefined) {
    (message.reasoning_details ??= []).push({ type: 'reasoning.encrypted', data: event.sealed });
  }
}

function addText(message: Message, kind: string, piece: { text: string; ordinal: number }): void {
  if (kind === 'text') message.content = (message.content ?? '') + piece.text;
  else if (kind === 'refusal') message.refusal = (message.refusal ?? '') + piece.text;
  else if (kind === 'reasoning') message.reasoning_content = (message.reasoning_content ?? '') + piece.text;
  else if (kind === 'tool-call') message.tool_calls![piece.ordinal]!.function.arguments += piece.text;
}
