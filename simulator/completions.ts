import type { Answer, AnswerChoice } from './answer.ts';
import { readCompletionsRequest } from './completions-request.ts';
import { reportFigures, usageMode } from './figures.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import type { Vendor } from './vendor-call.ts';

const FINISHES: Record<string, string> = {
  stop_sequence: 'stop',
  refusal: 'stop',
  tool_calls: 'stop',
  max_tokens: 'length',
};

/** OpenAI's completions of before the chat. */
export const completions: Vendor = {
  name: 'completions',
  path: '/v1/completions',
  asksKey: true,
  read: readCompletionsRequest,
  renderWhole(answer, script) {
    const usage = usageMode(script) === 'none' ? null : renderUsage(answer, script);
    const choices = answer.choices.map((choice, index) => ({
      ...choiceOf(index, piecesOf(choice).join('')),
      finish_reason: finishOf(choice),
    }));
    return { body: { ...envelope(answer), choices, ...(usage && { usage }) }, usage };
  },
  *stream(answer, script, includeUsage) {
    const chunk = (choices: Json[]): Json => ({
      ...envelope(answer),
      choices,
      ...(includeUsage && { usage: null }),
      ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
    });
    for (const [index, choice] of answer.choices.entries()) {
      for (const text of piecesOf(choice)) yield { kind: 'content', data: chunk([choiceOf(index, text)]) };
      yield { kind: 'finish', data: chunk([{ ...choiceOf(index, ''), finish_reason: finishOf(choice) }]) };
    }
    if (includeUsage && usageMode(script) !== 'none') {
      const usage = renderUsage(answer, script);
      yield { kind: 'usage', data: { ...envelope(answer), choices: [], usage }, usage };
    }
    if (!script.noDone) yield { kind: 'done', data: '[DONE]' };
  },
  errorFrame: () => ({ kind: 'other', data: { error: errorOf(500, 'The server had an error') } }),
  renderError: (status, message) => ({ error: errorOf(status, message) }),
};

const piecesOf = (choice: AnswerChoice): string[] => [...choice.text, ...choice.refusal];
const finishOf = (choice: AnswerChoice): string => FINISHES[choice.finish] ?? choice.finish;
const choiceOf = (index: number, text: string): Json => ({
  text,
  index,
  logprobs: null,
  finish_reason: null,
});

function envelope(answer: Answer): Json {
  return {
    id: `cmpl-sim-${answer.callNumber}`,
    object: 'text_completion',
    created: answer.createdS,
    model: answer.model,
  };
}

function renderUsage(answer: Answer, script: Script): Json {
  const { prompt, completion, total } = reportFigures(answer, script);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total };
}

function errorOf(status: number, message: string): Json {
  const type = status === 429 ? 'requests' : status >= 500 ? 'server_error' : 'invalid_request_error';
  return { message, type, param: null, code: status === 401 ? 'invalid_api_key' : null };
}
