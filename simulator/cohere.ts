import type { Answer } from './answer.ts';
import { readCohereRequest } from './cohere-request.ts';
import { reportFigures, usageMode } from './figures.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import type { Frame } from './sse.ts';
import { onlyChoice } from './vendor-call.ts';
import type { Vendor } from './vendor-call.ts';

const FINISHES: Record<string, string> = {
  stop: 'COMPLETE',
  end_turn: 'COMPLETE',
  stop_sequence: 'STOP_SEQUENCE',
  length: 'MAX_TOKENS',
  max_tokens: 'MAX_TOKENS',
  tool_calls: 'TOOL_CALL',
  tool_use: 'TOOL_CALL',
  refusal: 'COMPLETE',
  content_filter: 'ERROR',
};
/** Words of the vendor's own before every prompt: the model sees them, and nobody is billed for them. */
const PREAMBLE_TOKENS = 500;

/** Cohere's chat, second version. What is said before a tool call is its plan. */
export const cohere: Vendor = {
  name: 'cohere',
  path: '/v2/chat',
  asksKey: true,
  read: readCohereRequest,
  renderWhole(answer, script) {
    const choice = onlyChoice(answer);
    const usage = renderUsage(answer, script);
    const text = [...choice.text, ...choice.refusal].join('');
    const plans = choice.tools.length > 0 && text !== '';
    const content = [
      ...(choice.reasoning.length > 0 ? [{ type: 'thinking', thinking: choice.reasoning.join('') }] : []),
      ...(text === '' || plans ? [] : [{ type: 'text', text }]),
    ];
    const message = {
      role: 'assistant',
      ...(content.length > 0 && { content }),
      ...(plans && { tool_plan: text }),
      ...(choice.tools.length > 0 && {
        tool_calls: choice.tools.map(({ id, name, fragments }) => ({
          id,
          type: 'function',
          function: { name, arguments: fragments.join('') },
        })),
      }),
    };
    const body = {
      id: idOf(answer),
      message,
      finish_reason: FINISHES[choice.finish] ?? choice.finish,
      ...(usage && { usage }),
      ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
    };
    return { body, usage };
  },
  *stream(answer, script) {
    const choice = onlyChoice(answer);
    const opening = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] };
    yield frame('open', 'message-start', { id: idOf(answer), delta: { message: opening } });
    if (script.unknownFields) yield frame('other', 'debug', { prompt: 'sim' });
    let index = 0;
    function* content(key: 'thinking' | 'text', pieces: readonly string[]): Generator<Frame> {
      if (pieces.length === 0) return;
      const say = (text: string, more: Json = {}) => ({
        index,
        delta: { message: { content: { ...more, [key]: text } } },
      });
      yield frame('other', 'content-start', say('', { type: key }));
      for (const piece of pieces) yield frame('content', 'content-delta', say(piece));
      yield frame('other', 'content-end', { index: index++ });
    }
    yield* content('thinking', choice.reasoning);
    const said = [...choice.text, ...choice.refusal];
    if (choice.tools.length === 0) yield* content('text', said);
    else
      for (const text of said)
        yield frame('content', 'tool-plan-delta', { delta: { message: { tool_plan: text } } });
    for (const [at, { id, name, fragments }] of choice.tools.entries()) {
      const call = (fields: Json) => ({ index: at, delta: { message: { tool_calls: fields } } });
      yield frame(
        'content',
        'tool-call-start',
        call({ id, type: 'function', function: { name, arguments: '' } }),
      );
      for (const text of fragments)
        yield frame('content', 'tool-call-delta', call({ function: { arguments: text } }));
      yield frame('other', 'tool-call-end', { index: at });
    }
    const usage = renderUsage(answer, script);
    if (!script.noDone) {
      const delta = { finish_reason: FINISHES[choice.finish] ?? choice.finish, ...(usage && { usage }) };
      yield frame('finish', 'message-end', { delta }, usage ?? undefined);
      yield { kind: 'done', data: '[DONE]' };
    }
  },
  errorFrame: () =>
    frame('other', 'message-end', { delta: { finish_reason: 'ERROR', error: 'internal server error' } }),
  renderError: (_status, message, id) => ({ id, message }),
};

const idOf = (answer: Answer): string => `cohere-sim-${answer.callNumber}`;

function frame(kind: Frame['kind'], type: string, fields: Json, usage?: Json): Frame {
  const { id, ...others } = fields;
  return {
    kind,
    event: type,
    data: { ...(id !== undefined && { id }), type, ...others },
    ...(usage && { usage }),
  };
}

function renderUsage(answer: Answer, script: Script): Json | null {
  if (usageMode(script) === 'none') return null;
  const { prompt, completion, cached, searches } = reportFigures(answer, script);
  const seen = (figure: number | string, more: number) =>
    typeof figure === 'number' && figure >= 0 ? figure + more : figure;
  return {
    billed_units: {
      input_tokens: prompt,
      output_tokens: completion,
      ...(searches > 0 && { search_units: searches }),
    },
    tokens: { input_tokens: seen(prompt, PREAMBLE_TOKENS), output_tokens: seen(completion, 3) },
    cached_tokens: cached,
  };
}
