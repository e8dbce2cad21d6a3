import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import { answerFromChat, framesFromChat, toChat } from './answers.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { defaultMaxTokens, parseCall, renderCall } from './calls.ts';

/**
 * OpenAI's completions of before the chat: a prompt instead of messages. What it shares with the chat beside it (settings,
 * errors, limits, usage) is done by that.
 */
export const openaiCompletions = (chat: Dialect): Dialect => ({
  name: 'openai-completions',
  family: chat.family,
  client: {
    ...chat.client,
    operations: [{ kind: 'chat', method: 'POST', path: '/v1/completions' }],
    interpretedKeys,
    brief: readBrief,
    parseCall: (body, line) => parseCall(body, line, chat),
    replaceState: () => new Map(),
    renderAnswer: (events, context) =>
      JSON.stringify(answerFromChat(JSON.parse(chat.client.renderAnswer(events, context)) as JsonObject)),
    renderEvent: (event, state, context) => framesFromChat(chat.client.renderEvent(event, state, context)),
    renderEnding: (ending, state, context) =>
      framesFromChat(chat.client.renderEnding(ending, state, context)),
  },
  provider: {
    ...chat.provider,
    path: () => '/completions',
    capOutput: (body, maxTokens) => ({
      edits: new Map([['max_tokens', JSON.stringify(capOf(body, maxTokens))]]),
      losses: [],
    }),
    renderCall: (conversation, target) => renderCall(conversation, target, chat),
    parseAnswer(body, target) {
      if (!Array.isArray(body['choices']))
        throw new Fault('upstream/malformed-answer', 'The upstream\'s answer has no "choices".');
      return chat.provider.parseAnswer(toChat(body), target);
    },
    eventReader(target) {
      const reader = chat.provider.eventReader(target);
      return {
        read: (event) =>
          event.data.startsWith('{')
            ? reader.read({ name: event.name, data: converted(event.data) })
            : reader.read(event),
        finish: () => reader.finish(),
      };
    },
  },
});

/** Where nothing is said, that is a bound, too. */
const capOf = ({ max_tokens: own }: JsonObject, maxTokens: number): number =>
  own === undefined || own === null ? Math.min(defaultMaxTokens, maxTokens) : maxTokens;

/** What is no JSON is left to the chat's reader, which says so. */
function converted(data: string): string {
  try {
    const chunk: unknown = JSON.parse(data);
    return isObject(chunk) ? JSON.stringify(toChat(chunk)) : data;
  } catch {
    return data;
  }
}
