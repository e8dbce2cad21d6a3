import { advance, blockOf, newStreamState, type AnswerEvent, type StreamState } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { isObject } from '#core/read-json.ts';
import { asGenerated, isGenerate } from './generate.ts';
import { renderUsage } from './usage.ts';

/** A tool call goes out whole: the arguments that came so far of those under way, by block. */
const underWay = new WeakMap<StreamState, Map<number, string>>();

const stampOf = (state: StreamState, context: RenderContext): string =>
  new Date((state.createdAtS || context.nowS) * 1000).toISOString();

function line(state: StreamState, context: RenderContext, fields: JsonObject): string {
  return `${JSON.stringify({ model: context.model, created_at: stampOf(state, context), ...fields })}\n`;
}

/** What is said, where the answers of the client's operation have it. */
const told = ({ line: asked }: RenderContext, message: JsonObject): JsonObject =>
  isGenerate(asked) ? asGenerated(message) : { message: { role: 'assistant', ...message } };

const saying = (state: StreamState, context: RenderContext, message: JsonObject): string =>
  line(state, context, { ...told(context, { content: '', ...message }), done: false });

const calling = (state: StreamState, context: RenderContext, call: JsonObject): string =>
  isGenerate(context.line) ? '' : saying(state, context, { tool_calls: [call] });

/** One line for each piece. https://docs.ollama.com/api/streaming */
export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  if ('choice' in event && event.choice !== 0) return '';
  switch (event.type) {
    case 'delta':
      return renderDelta(event, state, context);
    case 'block-stop': {
      const block = blockOf(state, event);
      if (block?.kind !== 'tool-call') return '';
      const text = underWay.get(state)?.get(event.block) ?? '';
      underWay.get(state)?.delete(event.block);
      return calling(state, context, toolCall(block, inputOf(text)));
    }
    case 'end':
      return renderTail(state, context);
    default:
      // Finish and usage are said together, in the last line.
      return '';
  }
}

function renderDelta(
  event: AnswerEvent & { type: 'delta' },
  state: StreamState,
  context: RenderContext,
): string {
  switch (blockOf(state, event)?.kind) {
    case 'opaque':
      return '';
    case 'reasoning':
      return saying(state, context, { thinking: event.text });
    case 'tool-call': {
      let texts = underWay.get(state);
      if (!texts) underWay.set(state, (texts = new Map()));
      texts.set(event.block, (texts.get(event.block) ?? '') + event.text);
      return '';
    }
    default:
      return saying(state, context, { content: event.text });
  }
}

const toolCall = (call: { readonly id?: string; readonly name?: string }, input: JsonObject): JsonObject => ({
  ...(call.id === undefined ? {} : { id: call.id }),
  function: { name: call.name ?? '', arguments: input },
});

function renderTail(state: StreamState, context: RenderContext): string {
  return line(state, context, { ...told(context, { content: '' }), ...tailOf(state) });
}

const tailOf = (state: StreamState): JsonObject => ({
  done: true,
  done_reason: state.finish?.reason === 'length' ? 'length' : 'stop',
  ...renderUsage(state.usage),
});

/** Of a tool call under way only one whose arguments are whole is given: nobody may act on half of them. */
export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const calls = state.open
    .filter((block) => block.choice === 0 && block.kind === 'tool-call')
    .flatMap((block) => {
      const input = objectOf(underWay.get(state)?.get(block.block) ?? '');
      return input ? [calling(state, context, toolCall(block, input))] : [];
    });
  const finish = state.finish ?? ({ type: 'finish', choice: 0, reason: ending.reason } as const);
  return calls.join('') + renderTail({ ...state, finish, usage: ending.usage ?? state.usage }, context);
}

/** https://docs.ollama.com/api/chat */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const texts = { content: '', thinking: '' };
  const calls = new Map<number, { id?: string; name?: string; text: string }>();
  for (const event of events) {
    advance(state, event);
    if (!('choice' in event) || event.choice !== 0) continue;
    if (event.type === 'block-start' && event.kind === 'tool-call') {
      const { id, name } = event;
      calls.set(event.block, {
        ...(id === undefined ? {} : { id }),
        ...(name === undefined ? {} : { name }),
        text: '',
      });
    } else if (event.type === 'delta') {
      const kind = blockOf(state, event)?.kind;
      if (kind === 'tool-call') calls.get(event.block)!.text += event.text;
      else if (kind === 'reasoning') texts.thinking += event.text;
      else if (kind !== 'opaque') texts.content += event.text;
    }
  }
  return JSON.stringify({
    model: context.model,
    created_at: stampOf(state, context),
    ...told(context, {
      content: texts.content,
      ...(texts.thinking === '' ? {} : { thinking: texts.thinking }),
      ...(calls.size === 0
        ? {}
        : { tool_calls: [...calls.values()].map((call) => toolCall(call, inputOf(call.text))) }),
    }),
    ...tailOf(state),
  });
}

/** Models do write broken JSON now and then: the client gets what there is. */
const inputOf = (text: string): JsonObject => (text.trim() === '' ? {} : (objectOf(text) ?? { text }));

function objectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
