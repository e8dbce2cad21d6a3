import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** Of sibling APIs; providers that offer several take them here, too. */
export const topLevelIds = ['previous_response_id', 'conversation', 'container', 'cached_content'];

/**
 * Paths of fields that name something the provider keeps: files, audio of earlier answers, conversations.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
export function findVendorIds(body: JsonObject): string[] {
  const found = topLevelIds.filter((key) => body[key] !== undefined && body[key] !== null);
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (!isObject(message)) continue;
    if (isObject(message['audio']) && 'id' in message['audio']) found.push(`messages[${i}].audio.id`);
    const content = message['content'];
    if (!Array.isArray(content)) continue;
    for (let j = 0; j < content.length; j++) {
      const part: unknown = content[j];
      if (isObject(part) && isObject(part['file']) && 'file_id' in part['file'])
        found.push(`messages[${i}].content[${j}].file.file_id`);
    }
  }
  return found;
}

/** Without these words there is none of them below the top level. */
export const vendorIdWords = ['file_id', '"audio"'];
