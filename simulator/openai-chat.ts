import type { Answer, AnswerChoice } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import type { Figures } from './figures.ts';
import type { Script } from './script.ts';
import type { Frame } from './sse.ts';

type Json = Record<string, unknown>;

const FINISHES: Record<string, string> = {
  stop_sequence: 'stop',
  refusal: 'stop',
  end_turn: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
};

/** Renders the whole answer as a `chat.completion` object, with the usage it reports. */
export function renderCompletion(answer: Answer, script: Script): { body: Json; usage: Json | null } {
  const mode = usageMode(script);
  const usage = mode === 'none' ? null : renderUsage(reportFigures(answer, script));
  const body: Json = {
    ...envelope(answer, 'chat.completion'),
    choices: answer.choices.map((choice, index) => ({
      index,
      message: renderMessage(choice),
      logprobs: null,
      finish_reason: FINISHES[choice.finish] ?? choice.finish,
    })),
    ...(usage && { usage }),
    ...(mode === 'twice' && { x_groq: { id: `req_sim_${answer.callNumber}`, usage } }),
    ...(script.unknownFields && { sim_unknown: { nested: [1, 'two', null] } }),
  };
  return { body, usage };
}

/** Yields the frames of the streamed answer; pieces of several choices take turns. */
export function* streamCompletion(answer: Answer, script: Script, includeUsage: boolean): Generator<Frame> {
  const mode = usageMode(script);
  const usage = renderUsage(reportFigures(answer, script));
  const inFinish =
    mode === 'finish-chunk' || mode === 'twice' || (includeUsage && script.usageOnlyChunkLast === false);
  const trailing =
    includeUsage && mode !== 'none' && mode !== 'finish-chunk' && script.usageOnlyChunkLast !== false;
  const nulls = mode === 'null-on-chunks' || (includeUsage && mode !== 'none');
  let completion = 0;
  let reasoning = 0;
  const chunk = (choices: Json[], extra?: Json): Json => ({
    ...envelope(answer, 'chat.completion.chunk'),
    choices,
    ...(nulls && { usage: null }),
    ...(script.unknownFields && {
      obfuscation: 'x'.repeat((completion % 5) + 1),
      sim_unknown: { nested: [1] },
    }),
    ...extra,
  });
  const piece = (index: number, delta: Json): Frame => {
    completion++;
    if ('reasoning_content' in delta) reasoning++;
    const soFar =
      mode === 'cumulative'
        ? renderUsage(reportFigures(answer, script, { completion, reasoning }))
        : undefined;
    return {
      kind: 'content',
      data: chunk([choiceDelta(index, delta)], soFar && { usage: soFar }),
      usage: soFar,
    };
  };

  for (const index of answer.choices.keys()) {
    const delta = { role: 'assistant', content: '', refusal: null };
    yield { kind: 'open', data: chunk([choiceDelta(index, delta)]) };
  }
  const speakers = answer.choices.map((choice) => streamPieces(choice));
  let speaking = true;
  while (speaking) {
    speaking = false;
    for (const [index, speaker] of speakers.entries()) {
      const { value, done } = speaker.next();
      if (done) continue;
      speaking = true;
      yield piece(index, value);
    }
  }
  for (const [index, choice] of answer.choices.entries()) {
    const finish = { ...choiceDelta(index, {}), finish_reason: FINISHES[choice.finish] ?? choice.finish };
    const reports = index === answer.choices.length - 1 && (inFinish || mode === 'cumulative');
    const twice = mode === 'twice' && { x_groq: { id: `req_sim_${answer.callNumber}`, usage } };
    yield {
      kind: 'finish',
      data: chunk([finish], reports ? { usage, ...twice } : undefined),
      usage: reports ? usage : undefined,
    };
  }
  if (trailing) yield { kind: 'usage', data: chunk([], { usage }), usage };
  if (!script.noDone) yield { kind: 'done', data: '[DONE]' };
}

export function renderOpenAiErrorFrame(): Frame {
  return {
    kind: 'other',
    data: { error: { message: 'The server had an error', type: 'server_error', param: null, code: null } },
  };
}

function* streamPieces(choice: AnswerChoice): Generator<Json, undefined> {
  for (const text of choice.reasoning) yield { reasoning_content: text };
  for (const text of choice.text) yield { content: text };
  for (const text of choice.refusal) yield { refusal: text };
  for (const [index, tool] of choice.tools.entries()) {
    yield {
      tool_calls: [{ index, id: tool.id, type: 'function', function: { name: tool.name, arguments: '' } }],
    };
    for (const fragment of tool.fragments)
      yield { tool_calls: [{ index, function: { arguments: fragment } }] };
  }
}

function choiceDelta(index: number, delta: Json): Json {
  return { index, delta, logprobs: null, finish_reason: null };
}

function renderMessage(choice: AnswerChoice): Json {
  const silent = choice.text.length === 0 && (choice.tools.length > 0 || choice.refusal.length > 0);
  return {
    role: 'assistant',
    content: silent ? null : choice.text.join(''),
    ...(choice.reasoning.length > 0 && { reasoning_content: choice.reasoning.join('') }),
    refusal: choice.refusal.length > 0 ? choice.refusal.join('') : null,
    ...(choice.tools.length > 0 && {
      tool_calls: choice.tools.map((tool) => ({
        id: tool.id,
        type: 'function',
        function: { name: tool.name, arguments: tool.fragments.join('') },
      })),
    }),
    annotations: [],
  };
}

function envelope(answer: Answer, object: string): Json {
  return {
    id: `chatcmpl-sim-${answer.callNumber}`,
    object,
    created: answer.createdS,
    model: answer.model,
    service_tier: 'default',
    system_fingerprint: 'fp_sim',
  };
}

function renderUsage(figures: Figures): Json {
  return {
    prompt_tokens: figures.prompt,
    completion_tokens: figures.completion,
    total_tokens: figures.total,
    prompt_tokens_details: {
      cached_tokens: figures.cached,
      audio_tokens: 0,
      ...(figures.cacheWrite !== 0 && { cache_write_tokens: figures.cacheWrite }),
    },
    completion_tokens_details: {
      reasoning_tokens: figures.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
