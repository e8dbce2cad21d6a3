import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** Chunks and answers of this dialect and of the chat beside it differ in how a choice says its text, and in names. */

const choicesOf = (value: JsonObject): JsonObject[] =>
  Array.isArray(value['choices']) ? value['choices'].filter(isObject) : [];

/** As the chat's reader knows it. */
export function toChat(value: JsonObject): JsonObject {
  if (!Array.isArray(value['choices'])) return value;
  const choices = choicesOf(value).map(({ text, ...choice }) => ({
    ...choice,
    delta: typeof text === 'string' ? { content: text } : {},
  }));
  return { ...value, choices };
}

/** What of a chat's chunk is text, or an end; null: nothing. */
export function chunkFromChat(chunk: JsonObject): JsonObject | null {
  if (!Array.isArray(chunk['choices'])) return chunk;
  const given = choicesOf(chunk);
  const choices = given
    .map((choice) => choiceFromChat(choice, 'delta'))
    .filter((choice) => choice['text'] !== '' || choice['finish_reason'] !== null);
  if (given.length > 0 && choices.length === 0) return null;
  return rename({ ...chunk, choices });
}

export const answerFromChat = (answer: JsonObject): JsonObject =>
  rename({ ...answer, choices: choicesOf(answer).map((choice) => choiceFromChat(choice, 'message')) });

/** A refusal is text; reasoning and tool calls have no place. */
function choiceFromChat(choice: JsonObject, place: 'delta' | 'message'): JsonObject {
  const said = isObject(choice[place]) ? choice[place] : {};
  const text = [said['content'], said['refusal']]
    .map((part) => (typeof part === 'string' ? part : ''))
    .join('');
  const finish = choice['finish_reason'];
  return {
    text,
    index: choice['index'],
    logprobs: null,
    finish_reason: finish === 'tool_calls' ? 'stop' : (finish ?? null),
  };
}

function rename(value: JsonObject): JsonObject {
  const id = typeof value['id'] === 'string' ? value['id'].replace(/^chatcmpl-/, 'cmpl-') : value['id'];
  return { ...value, id, object: 'text_completion' };
}

/** Frames of a chat's stream in this dialect. */
export function framesFromChat(frames: string): string {
  if (frames === '') return '';
  let out = '';
  for (const frame of frames.split('\n\n')) {
    if (frame === '') continue;
    const data = frame.slice('data: '.length);
    const chunk = data === '[DONE]' ? data : chunkFromChat(JSON.parse(data) as JsonObject);
    if (chunk !== null) out += `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`;
  }
  return out;
}
