import {
  advance,
  blockOf,
  newStreamState,
  ordinalOf,
  type AnswerEvent,
  type BlockStart,
  type StreamState,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { renderCitation } from './citations.ts';
import { renderFinish } from './finish-reason.ts';
import { renderUsage } from './usage.ts';

/** Citations so far: they are numbered. */
const cited = new WeakMap<StreamState, number>();

/** Clients take a line with `[DONE]` anywhere in it for the end: in a text it is written otherwise. */
const frame = (name: string, fields: JsonObject): string =>
  `event: ${name}\ndata: ${JSON.stringify({ type: name, ...fields }).replaceAll('[DONE]', '\\u005bDONE]')}\n\n`;

/** What has a place in `content`: a refusal is text, sealed reasoning has none. */
const isContent = ({ kind, sealed }: BlockStart): boolean =>
  kind === 'text' || kind === 'refusal' || (kind === 'reasoning' && sealed === undefined);

/** Contents are numbered apart from tool calls. */
function indexOf(state: StreamState, block: BlockStart): number {
  if (block.kind === 'tool-call') return ordinalOf(state, block, ['tool-call']);
  const before = state.begun.findIndex((begun) => begun.choice === 0 && begun.block === block.block);
  return state.begun
    .slice(0, before < 0 ? undefined : before)
    .filter((begun) => begun.choice === 0 && isContent(begun)).length;
}

/** https://docs.cohere.com/docs/streaming#stream-events */
export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  if ('choice' in event && event.choice !== 0) return '';
  switch (event.type) {
    case 'start':
      return renderStart(event.id, context);
    case 'block-start':
      return renderBlockStart(event, state);
    case 'delta': {
      const block = blockOf(state, event);
      return block ? renderDelta(block, event.text, state) : '';
    }
    case 'citation': {
      const index = cited.get(state) ?? 0;
      cited.set(state, index + 1);
      const message = { citations: renderCitation(event.citation) };
      return frame('citation-start', { index, delta: { message } }) + frame('citation-end', { index });
    }
    case 'block-stop': {
      const block = blockOf(state, event);
      return block ? renderStop(block, state) : '';
    }
    case 'end':
      return renderTail(state);
    default:
      // Finish and usage are said together, at the end.
      return '';
  }
}

function renderStart(id: string, context: RenderContext): string {
  const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] };
  return frame('message-start', { id: id === '' ? context.exchangeId : id, delta: { message } });
}

function renderBlockStart(block: BlockStart, state: StreamState): string {
  const index = indexOf(state, block);
  if (block.kind === 'tool-call') {
    const call = {
      id: block.id ?? '',
      type: 'function',
      function: { name: block.name ?? '', arguments: '' },
    };
    return frame('tool-call-start', { index, delta: { message: { tool_calls: call } } });
  }
  if (!isContent(block)) return '';
  const content =
    block.kind === 'reasoning' ? { type: 'thinking', thinking: '' } : { type: 'text', text: '' };
  return frame('content-start', { index, delta: { message: { content } } });
}

function renderDelta(block: BlockStart, text: string, state: StreamState): string {
  const index = indexOf(state, block);
  if (block.kind === 'tool-call') {
    const call = { function: { arguments: text } };
    return frame('tool-call-delta', { index, delta: { message: { tool_calls: call } } });
  }
  if (!isContent(block)) return '';
  const content = block.kind === 'reasoning' ? { thinking: text } : { text };
  return frame('content-delta', { index, delta: { message: { content } } });
}

function renderStop(block: BlockStart, state: StreamState): string {
  const index = indexOf(state, block);
  if (block.kind === 'tool-call') return frame('tool-call-end', { index });
  return isContent(block) ? frame('content-end', { index }) : '';
}

function renderTail({ finish, usage }: StreamState): string {
  const delta = {
    finish_reason: renderFinish(finish?.reason ?? 'stop', finish?.stopSequence ?? null),
    ...(usage ? { usage: renderUsage(usage) } : {}),
  };
  return `${frame('message-end', { delta })}data: [DONE]\n\n`;
}

export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const begin = state.started ? '' : renderStart('', context);
  const stops = state.open.filter(({ choice }) => choice === 0).map((block) => renderStop(block, state));
  const finish = state.finish ?? ({ type: 'finish', choice: 0, reason: ending.reason } as const);
  return begin + stops.join('') + renderTail({ ...state, finish, usage: ending.usage ?? state.usage });
}

/** There is no event for errors: it is in the last one. */
export const renderFaultEvent = (message: string, more: JsonObject): string =>
  frame('message-end', { ...more, delta: { finish_reason: 'ERROR', error: message } });

/** https://docs.cohere.com/reference/chat#response */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const content: { block: BlockStart; text: string }[] = [];
  const citations: JsonObject[] = [];
  for (const event of events) {
    advance(state, event);
    if (!('choice' in event) || event.choice !== 0) continue;
    if (event.type === 'block-start') content.push({ block: event, text: '' });
    else if (event.type === 'delta') {
      const entry = content.find(({ block }) => block.block === event.block);
      if (entry) entry.text += event.text;
    } else if (event.type === 'citation') {
      const block = blockOf(state, event);
      const place = block ? { content_index: indexOf(state, block) } : {};
      citations.push({ ...renderCitation(event.citation), ...place });
    }
  }
  const shown = content.filter(({ block }) => isContent(block));
  const calls = content.filter(({ block }) => block.kind === 'tool-call');
  const { finish } = state;
  return JSON.stringify({
    id: state.id === '' ? context.exchangeId : state.id,
    message: {
      role: 'assistant',
      ...(shown.length === 0 && calls.length > 0
        ? {}
        : {
            content: shown.map(({ block, text }) =>
              block.kind === 'reasoning' ? { type: 'thinking', thinking: text } : { type: 'text', text },
            ),
          }),
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map(({ block, text }) => ({
              id: block.id ?? '',
              type: 'function',
              function: { name: block.name ?? '', arguments: text },
            })),
          }),
      ...(citations.length === 0 ? {} : { citations }),
    },
    finish_reason: renderFinish(finish?.reason ?? 'stop', finish?.stopSequence ?? null),
    ...(state.usage ? { usage: renderUsage(state.usage) } : {}),
  });
}
