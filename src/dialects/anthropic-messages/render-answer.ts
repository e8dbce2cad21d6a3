import {
  advance,
  blockOf,
  newStreamState,
  ordinalOf,
  type AnswerEvent,
  type BlockKind,
  type BlockStart,
  type Citation,
  type StreamState,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import { renderStopReason } from './stop-reason.ts';
import { renderUsage } from './usage.ts';

/** Kinds of blocks that have a word here; a refusal is text. Opaque ones of other dialects have none. */
const shown: readonly BlockKind[] = ['text', 'reasoning', 'refusal', 'tool-call'];

const sse = (name: string, fields: JsonObject): string =>
  `event: ${name}\ndata: ${JSON.stringify({ type: name, ...fields })}\n\n`;

/** https://docs.anthropic.com/en/docs/build-with-claude/streaming */
export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  if ('choice' in event && event.choice !== 0) return '';
  switch (event.type) {
    case 'start':
      return renderStart(event.id, state, context);
    case 'block-start': {
      if (!shown.includes(event.kind)) return '';
      const index = state.begun.filter((b) => b.choice === 0 && shown.includes(b.kind)).length;
      return sse('content_block_start', { index, content_block: emptyBlock(event) });
    }
    case 'delta': {
      const delta = deltaOf(blockOf(state, event)?.kind ?? 'text', event.text);
      return delta ? sse('content_block_delta', { index: ordinalOf(state, event, shown), delta }) : '';
    }
    case 'signature':
      return sse('content_block_delta', {
        index: ordinalOf(state, event, shown),
        delta: { type: 'signature_delta', signature: event.signature },
      });
    case 'citation':
      return sse('content_block_delta', {
        index: ordinalOf(state, event, shown),
        delta: { type: 'citations_delta', citation: renderCitation(event.citation) },
      });
    case 'block-stop':
      return isShown(state, event)
        ? sse('content_block_stop', { index: ordinalOf(state, event, shown) })
        : '';
    case 'ping':
      return sse('ping', {});
    case 'end':
      return renderTail(state);
    default:
      // Finish and usage are said together, before the end.
      return '';
  }
}

function renderStart(id: string, state: StreamState, context: RenderContext): string {
  const message = {
    id: id === '' ? `msg_${context.exchangeId}` : id,
    type: 'message',
    role: 'assistant',
    model: context.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...renderUsage(state.usage), output_tokens: 0 },
  };
  return sse('message_start', { message });
}

/** A source without an address is a place in a document, here in one that nobody numbered. */
function renderCitation({ url, title, quote }: Citation): JsonObject {
  const cited = { cited_text: quote ?? '', title };
  if (url !== null) return { type: 'web_search_result_location', url, encrypted_index: '', ...cited };
  return {
    type: 'char_location',
    cited_text: quote ?? '',
    document_index: 0,
    document_title: title,
    file_id: null,
    start_char_index: 0,
    end_char_index: (quote ?? '').length,
  };
}

function isShown(state: StreamState, event: { readonly choice: number; readonly block: number }): boolean {
  const block = blockOf(state, event);
  return block !== undefined && shown.includes(block.kind);
}

function emptyBlock(event: BlockStart): JsonObject {
  switch (event.kind) {
    case 'tool-call':
      return { type: 'tool_use', id: event.id ?? '', name: event.name ?? '', input: {} };
    case 'reasoning':
      return event.sealed === undefined
        ? { type: 'thinking', thinking: '', signature: '' }
        : { type: 'redacted_thinking', data: event.sealed };
    default:
      return { type: 'text', text: '' };
  }
}

function deltaOf(kind: BlockKind, text: string): JsonObject | null {
  switch (kind) {
    case 'tool-call':
      return { type: 'input_json_delta', partial_json: text };
    case 'reasoning':
      return { type: 'thinking_delta', thinking: text };
    case 'opaque':
      return null;
    default:
      return { type: 'text_delta', text };
  }
}

function renderTail(state: StreamState): string {
  const finish = state.finish;
  const stopSequence = finish?.stopSequence ?? null;
  const delta = {
    stop_reason: renderStopReason(finish?.reason ?? 'stop', stopSequence),
    stop_sequence: stopSequence,
  };
  return sse('message_delta', { delta, usage: renderUsage(state.usage) }) + sse('message_stop', {});
}

export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const begin = state.started ? '' : renderStart('', state, context);
  const stops = state.open
    .filter((block) => block.choice === 0 && shown.includes(block.kind))
    .map((block) => sse('content_block_stop', { index: ordinalOf(state, block, shown) }));
  const finish = state.finish ?? ({ type: 'finish', choice: 0, reason: ending.reason } as const);
  return begin + stops.join('') + renderTail({ ...state, finish, usage: ending.usage ?? state.usage });
}

/** https://docs.anthropic.com/en/api/messages#response */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const content: { block: BlockStart; text: string; signature: string; citations: JsonObject[] }[] = [];
  for (const event of events) {
    if (!('choice' in event) || event.choice === 0) {
      if (event.type === 'block-start' && shown.includes(event.kind))
        content.push({ block: event, text: '', signature: '', citations: [] });
      else if (event.type === 'delta' || event.type === 'signature' || event.type === 'citation') {
        const entry = content.find(({ block }) => block.block === event.block);
        if (entry && event.type === 'delta') entry.text += event.text;
        else if (entry && event.type === 'signature') entry.signature = event.signature;
        else if (entry && event.type === 'citation') entry.citations.push(renderCitation(event.citation));
      }
    }
    advance(state, event);
  }
  const stopSequence = state.finish?.stopSequence ?? null;
  return JSON.stringify({
    id: state.id === '' ? `msg_${context.exchangeId}` : state.id,
    type: 'message',
    role: 'assistant',
    model: context.model,
    content: content.map(({ block, text, signature, citations }) => ({
      ...wholeBlock(block, text, signature),
      ...(citations.length > 0 ? { citations } : {}),
    })),
    stop_reason: renderStopReason(state.finish?.reason ?? 'stop', stopSequence),
    stop_sequence: stopSequence,
    usage: renderUsage(state.usage),
  });
}

function wholeBlock(block: BlockStart, text: string, signature: string): JsonObject {
  switch (block.kind) {
    case 'tool-call':
      return { type: 'tool_use', id: block.id ?? '', name: block.name ?? '', input: inputOf(text) };
    case 'reasoning':
      return block.sealed === undefined
        ? { type: 'thinking', thinking: text, signature }
        : { type: 'redacted_thinking', data: block.sealed };
    default:
      return { type: 'text', text };
  }
}

/** Models do write broken JSON now and then: the client gets what there is. */
function inputOf(text: string): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : { value };
  } catch {
    return { text };
  }
}
