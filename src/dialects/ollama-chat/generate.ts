import type { JsonObject } from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import { optional, readArray, readString } from '#core/read-json.ts';

/** The same with a prompt instead of messages. https://docs.ollama.com/api/generate */
export const generatePath = '/api/generate';

export const isGenerate = ({ operation }: CallLine): boolean => operation.path === generatePath;

/** Values that ask for nothing: leaving them out changes nothing. */
const neutral: Readonly<Record<string, unknown>> = { suffix: '', raw: false, template: '' };

/** A call with a prompt in words of the chat. What those have no name for stays, and is the chat's to name as lost. */
export function asChat({ prompt, system, images, ...settings }: JsonObject): JsonObject {
  const instructions = optional(system, 'system', readString) ?? '';
  const pictures = optional(images, 'images', readArray);
  const rest = Object.entries(settings).filter(([key, value]) => neutral[key] !== value);
  return {
    ...Object.fromEntries(rest),
    messages: [
      ...(instructions === '' ? [] : [{ role: 'system', content: instructions }]),
      {
        role: 'user',
        content: optional(prompt, 'prompt', readString) ?? '',
        ...(pictures ? { images: pictures } : {}),
      },
    ],
  };
}

/** What is said, where its answers have it. Calls of tools have no place there. */
export const asGenerated = ({ content, thinking }: JsonObject): JsonObject => ({
  response: content,
  ...(thinking === undefined ? {} : { thinking }),
});

/** The other way round. */
export const messageOf = ({ response, thinking }: JsonObject): JsonObject => ({
  content: response,
  thinking,
});
