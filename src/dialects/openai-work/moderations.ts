import type { Dialect } from '#core/contracts/dialect.ts';
import { usageOfUnits } from '#core/other-usage.ts';
import { isObject } from '#core/read-json.ts';
import { relayedWork } from '#core/relayed-work.ts';
import { places } from './places.ts';

/** OpenAI's moderations, which cost nothing. https://platform.openai.com/docs/api-reference/moderations */
export const openaiModerations = (chat: Dialect): Dialect =>
  relayedWork(
    {
      name: 'openai-moderations',
      surface: 'moderation',
      places,
      operations: ['/moderations'],
      interpretedKeys: ['model', 'input'],
      defaultModel: 'omni-moderation-latest',
      parse: ({ input }) => ({ kind: 'moderation', texts: textsIn(input) }),
      usageOf: () => usageOfUnits({}, null),
    },
    chat,
  );

function textsIn(input: unknown): string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) return [];
  return input.flatMap((item: unknown) => {
    if (typeof item === 'string') return [item];
    return isObject(item) && typeof item['text'] === 'string' ? [item['text']] : [];
  });
}
