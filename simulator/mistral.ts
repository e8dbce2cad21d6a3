import type { Answer, AnswerChoice } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import { readChatRequest } from './openai-request.ts';
import type { Script } from './script.ts';
import { BadRequest, isObject, listWords } from './shape.ts';
import type { Json } from './shape.ts';
import type { Frame } from './sse.ts';
import type { Vendor } from './vendor-call.ts';

const KNOWN = new Set(
  listWords(`
  model temperature top_p max_tokens stream stop random_seed metadata messages response_format tools tool_choice
  presence_penalty frequency_penalty n prediction parallel_tool_calls reasoning_effort prompt_mode guardrails
  prompt_cache_key service_tier safe_prompt
`),
);
const FINISHES: Record<string, string> = {
  stop_sequence: 'stop',
  refusal: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
};

/** Mistral's chat: like OpenAI's, but for the fields it knows, its ids, its thinking and its errors. */
export const mistral: Vendor = {
  name: 'mistral',
  path: '/mistral/v1/chat/completions',
  asksKey: true,
  badRequestStatus: 422,
  read(body, script) {
    for (const key of Object.keys(body))
      if (!KNOWN.has(key)) throw new BadRequest(key, 'Extra inputs are not permitted');
    refuseIds(body.messages);
    const {
      random_seed: seed,
      tool_choice: choice,
      prompt_mode: _mode,
      guardrails: _rails,
      safe_prompt: _safe,
      ...rest
    } = body;
    const understood = readChatRequest(
      {
        ...rest,
        messages: Array.isArray(body.messages)
          ? body.messages.map(plainMessage).map(typedCalls)
          : body.messages,
        ...(seed !== undefined && { seed }),
        ...(choice !== undefined && { tool_choice: choice === 'any' ? 'required' : choice }),
      },
      script,
    );
    return { ...understood, vendor: 'mistral', includeUsage: true };
  },
  renderWhole(answer, script) {
    const usage = usageMode(script) === 'none' ? null : renderUsage(answer, script);
    const choices = answer.choices.map((choice, index) => ({
      index,
      finish_reason: FINISHES[choice.finish] ?? choice.finish,
      message: {
        role: 'assistant',
        content: contentOf(choice),
        tool_calls:
          choice.tools.length > 0 ? choice.tools.map((_, at) => toolCall(answer, choice, at)) : null,
        prefix: false,
      },
    }));
    return { body: { ...envelope(answer, 'chat.completion'), choices, ...(usage && { usage }) }, usage };
  },
  *stream(answer, script) {
    const chunk = (index: number, delta: Json, finish: string | null = null): Json => ({
      ...envelope(answer, 'chat.completion.chunk'),
      choices: [{ index, delta, finish_reason: finish }],
      ...(script.unknownFields && { p: 'abcd' }),
    });
    for (const [index, choice] of answer.choices.entries()) {
      yield { kind: 'open', data: chunk(index, { role: 'assistant', content: '' }) };
      for (const text of choice.reasoning) {
        const thinking = [{ type: 'text', text }];
        yield { kind: 'content', data: chunk(index, { content: [{ type: 'thinking', thinking }] }) };
      }
      for (const text of [...choice.text, ...choice.refusal])
        yield { kind: 'content', data: chunk(index, { content: text }) };
      for (const at of choice.tools.keys())
        yield { kind: 'content', data: chunk(index, { tool_calls: [toolCall(answer, choice, at)] }) };
      const isLast = index === answer.choices.length - 1;
      const usage = isLast && usageMode(script) !== 'none' ? renderUsage(answer, script) : undefined;
      const finish = FINISHES[choice.finish] ?? choice.finish;
      yield {
        kind: 'finish',
        data: { ...chunk(index, { content: '' }, finish), ...(usage && { usage }) },
        usage,
      };
    }
    if (!script.noDone) yield { kind: 'done', data: '[DONE]' };
  },
  errorFrame: (): Frame => ({
    kind: 'other',
    data: {
      object: 'error',
      message: 'Internal error',
      type: 'internal_server_error',
      param: null,
      code: '3000',
    },
  }),
  renderError: (status, message) =>
    status === 422
      ? { detail: [{ type: 'invalid', loc: ['body'], msg: message, input: null }] }
      : { object: 'error', message, type: 'invalid_request_error', param: null, code: '1500' },
};

/** As its older models ask. */
function refuseIds(messages: unknown): void {
  for (const message of Array.isArray(messages) ? messages.filter(isObject) : []) {
    const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
    for (const id of [...calls.map((call) => call.id), message.tool_call_id])
      if (id !== undefined && id !== null && !/^[a-zA-Z0-9]{9}$/.test(String(id)))
        throw new BadRequest(
          'messages',
          `Tool call id was ${String(id)} but must be a-z, A-Z, 0-9, with a length of 9.`,
        );
  }
}

/** Its own parts in OpenAI's words. */
function plainMessage(message: unknown): unknown {
  if (!isObject(message) || !Array.isArray(message.content)) return message;
  const parts = message.content.filter((part) => !isObject(part) || part.type !== 'thinking');
  return { ...message, content: parts.length > 0 ? parts : null };
}

function contentOf(choice: AnswerChoice): unknown {
  const text = [...choice.text, ...choice.refusal].join('');
  if (choice.reasoning.length === 0) return text;
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: choice.reasoning.join('') }] };
  return text === '' ? [thinking] : [thinking, { type: 'text', text }];
}

function toolCall(answer: Answer, choice: AnswerChoice, index: number): Json {
  const { name, fragments } = choice.tools[index]!;
  const id = `${String(answer.callNumber).padStart(6, 'm')}${String(index).padStart(3, 'c')}`;
  return { id, function: { name, arguments: fragments.join('') }, index };
}

function envelope(answer: Answer, object: string): Json {
  return { id: `mistral-sim-${answer.callNumber}`, object, created: answer.createdS, model: answer.model };
}

function renderUsage(answer: Answer, script: Script): Json {
  const { prompt, completion, total, cached } = reportFigures(answer, script);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: total,
    ...(cached !== 0 && { num_cached_tokens: cached, prompt_tokens_details: { cached_tokens: cached } }),
  };
}

/** A call's type may be left out: there is one. */
function typedCalls(message: unknown): unknown {
  if (!isObject(message) || !Array.isArray(message.tool_calls)) return message;
  const calls = message.tool_calls.map((call: unknown) =>
    isObject(call) ? { type: 'function', ...call } : call,
  );
  return { ...message, tool_calls: calls };
}
