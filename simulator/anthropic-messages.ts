import type { Answer, AnswerChoice, AnswerTool } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import type { Figures } from './figures.ts';
import type { Script } from './script.ts';
import { redactThinking, signThinking } from './signature.ts';
import type { Frame } from './sse.ts';

type Json = Record<string, unknown>;

const FINISHES: Record<string, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

/** Renders the whole answer as a `message` object, with the usage it reports. */
export function renderMessage(answer: Answer, script: Script): { body: Json; usage: Json | null } {
  const choice = onlyChoice(answer);
  const usage = usageMode(script) === 'none' ? null : renderUsage(reportFigures(answer, script));
  const body: Json = {
    ...envelope(answer),
    content: renderBlocks(answer, choice),
    ...renderStop(choice),
    ...(usage && { usage }),
    ...(script.unknownFields && { sim_unknown: { nested: [1, 'two', null] } }),
  };
  return { body, usage };
}

/** Yields the frames of the streamed answer. */
export function* streamMessage(answer: Answer, script: Script): Generator<Frame> {
  const choice = onlyChoice(answer);
  const mode = usageMode(script);
  const sent = { completion: 0, reasoning: 0 };
  let index = 0;

  const opening = renderOpeningUsage(answer, script);
  const message = { ...envelope(answer), content: [], stop_reason: null, stop_sequence: null, ...opening };
  yield named('open', { type: 'message_start', message }, opening.usage ?? undefined);
  yield named('open', { type: 'ping' });
  if (script.unknownFields) yield named('other', { type: 'sim_future_event', detail: { nested: [1] } });

  function* pieces(deltas: Iterable<Json>, thinking: boolean): Generator<Frame> {
    for (const delta of deltas) {
      sent.completion++;
      if (thinking) sent.reasoning++;
      const extra = script.unknownFields ? { sim_unknown: true } : undefined;
      yield named('content', { type: 'content_block_delta', index, delta, ...extra });
      if (mode === 'cumulative') {
        const usage = renderUsage(reportFigures(answer, script, { ...sent }));
        yield named(
          'other',
          { type: 'message_delta', delta: { stop_reason: null, stop_sequence: null }, usage },
          usage,
        );
      }
    }
  }
  const stop = (): Frame => named('other', { type: 'content_block_stop', index: index++ });
  const start = (kind: Frame['kind'], block: Json): Frame =>
    named(kind, { type: 'content_block_start', index, content_block: block });

  if (choice.reasoning.length > 0) {
    yield start('other', { type: 'thinking', thinking: '', signature: '' });
    yield* pieces(
      choice.reasoning.map((text) => ({ type: 'thinking_delta', thinking: text })),
      true,
    );
    const signature = signThinking(choice.reasoning.join(''));
    yield named('other', {
      type: 'content_block_delta',
      index,
      delta: { type: 'signature_delta', signature },
    });
    yield stop();
  }
  if (choice.redacted) {
    yield start('other', { type: 'redacted_thinking', data: redactThinking(answer.callNumber) });
    yield stop();
  }
  if (choice.text.length > 0) {
    yield start('other', { type: 'text', text: '' });
    yield* pieces(
      choice.text.map((text) => ({ type: 'text_delta', text })),
      false,
    );
    if (script.unknownFields) yield named('other', { type: 'ping' });
    yield stop();
  }
  for (const tool of choice.tools) {
    sent.completion++;
    // The name is the call's first token, hence a content frame like its fragments.
    yield start('content', { type: 'tool_use', id: tool.id, name: tool.name, input: {} });
    yield named('other', {
      type: 'content_block_delta',
      index,
      delta: { type: 'input_json_delta', partial_json: '' },
    });
    yield* pieces(
      tool.fragments.map((text) => ({ type: 'input_json_delta', partial_json: text })),
      false,
    );
    yield stop();
  }
  // A refusal's words are counted but never shown: the vendor sends no content with it.
  const reported = reportFigures(answer, script);
  const closing = mode === 'none' ? undefined : renderDeltaUsage(reported);
  const delta = named('finish', {
    type: 'message_delta',
    delta: renderStop(choice),
    ...(closing && { usage: closing }),
  });
  const merged = closing && { ...opening.usage, ...closing };
  yield { ...delta, usage: merged };
  if (mode === 'twice') yield { ...delta, kind: 'usage', usage: merged };
  if (!script.noDone) yield named('done', { type: 'message_stop' });
}

export function renderAnthropicErrorFrame(requestId: string): Frame {
  const error = { type: 'overloaded_error', message: 'Overloaded' };
  return named('other', { type: 'error', error, request_id: requestId });
}

function named(kind: Frame['kind'], data: Json, usage?: Json): Frame {
  return { kind, event: String(data.type), data, usage };
}

function onlyChoice(answer: Answer): AnswerChoice {
  const choice = answer.choices[0];
  if (!choice) throw new Error('an answer has a choice');
  return choice;
}

function envelope(answer: Answer): Json {
  return { id: `msg_sim_${answer.callNumber}`, type: 'message', role: 'assistant', model: answer.model };
}

function renderStop(choice: AnswerChoice): Json {
  const reason = FINISHES[choice.finish] ?? choice.finish;
  const details = {
    type: 'refusal',
    category: 'cyber',
    explanation: 'This request was blocked by the simulator.',
  };
  return {
    stop_reason: reason,
    stop_sequence: reason === 'stop_sequence' ? choice.stopSequence : null,
    ...(reason === 'refusal' && { stop_details: details }),
  };
}

function renderBlocks(answer: Answer, choice: AnswerChoice): Json[] {
  const blocks: Json[] = [];
  if (choice.reasoning.length > 0) {
    const thinking = choice.reasoning.join('');
    blocks.push({ type: 'thinking', thinking, signature: signThinking(thinking) });
  }
  if (choice.redacted) blocks.push({ type: 'redacted_thinking', data: redactThinking(answer.callNumber) });
  if (choice.text.length > 0) blocks.push({ type: 'text', text: choice.text.join('') });
  for (const tool of choice.tools) {
    blocks.push({ type: 'tool_use', id: tool.id, name: tool.name, input: parseInput(tool) });
  }
  return blocks;
}

/** Arguments that are no JSON object (scripted or cut by the limit) have no place in a whole answer. */
function parseInput(tool: AnswerTool): unknown {
  try {
    return JSON.parse(tool.fragments.join('') || '{}');
  } catch {
    return {};
  }
}

/** What message_start says: input in full and the first output token, unless the script moves it to the end. */
function renderOpeningUsage(answer: Answer, script: Script): { usage?: Json | null } {
  const mode = usageMode(script);
  if (mode === 'none') return {};
  if (mode === 'null-on-chunks') return { usage: null };
  if (mode === 'finish-chunk') return { usage: { input_tokens: 0, output_tokens: 0 } };
  const { output_tokens_details: _thinking, ...usage } = renderUsage(reportFigures(answer, script));
  return { usage: { ...usage, output_tokens: 1 } };
}

function renderUsage(figures: Figures): Json {
  return {
    ...renderDeltaUsage(figures),
    cache_creation: {
      ephemeral_5m_input_tokens: figures.cacheWrite5m,
      ephemeral_1h_input_tokens: figures.cacheWrite1h,
    },
    service_tier: 'standard',
  };
}

function renderDeltaUsage(figures: Figures): Json {
  return {
    input_tokens: figures.uncached,
    cache_creation_input_tokens: figures.cacheWrite,
    cache_read_input_tokens: figures.cached,
    output_tokens: figures.completion,
    ...(figures.reasoning !== 0 && { output_tokens_details: { thinking_tokens: figures.reasoning } }),
    ...(figures.searches > 0 && { server_tool_use: { web_search_requests: figures.searches } }),
  };
}
