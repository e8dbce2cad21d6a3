import type { JsonObject } from '#core/call.ts';
import type { NamedThing } from '#core/contracts/keeping.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { isObject } from '#core/read-json.ts';

/** Of this API and its siblings; providers that offer several take them here, too. */
export const topLevelIds = [
  'previous_response_id',
  'conversation',
  'conversation_id',
  'container',
  'cached_content',
  'cachedContent',
];
/** Within parts of messages, hosted tools, and what is meant for one provider alone (`extra_body`). */
const within = new Set([
  ...topLevelIds,
  'file_id',
  'file_ids',
  'container_id',
  'vector_store_ids',
  'batch_id',
]);
const topLevel = new Set(topLevelIds);

/** A body without any of these names nothing below its top level. */
export const vendorIdWords = wordsPattern(['audio', ...within].map((word) => `"${word}"`));

/**
 * Paths of fields that name something the provider keeps: files, audio of earlier answers, conversations, caches.
 * https://platform.openai.com/docs/api-reference/chat/create
 * https://ai.google.dev/gemini-api/docs/openai#extra-body
 */
export const findVendorIds = (body: JsonObject): string[] => [
  ...new Set(findNamed(body).map(({ path }) => path)),
];

/** The same with what they name. */
export function findNamed(body: JsonObject): NamedThing[] {
  const found = Object.keys(body)
    .filter((key) => topLevel.has(key) && isGiven(body[key]))
    .flatMap((key) => namedBy(body[key], key));
  search(body['extra_body'], 'extra_body', found);
  const messages: unknown[] = Array.isArray(body['messages']) ? body['messages'] : [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (!isObject(message)) continue;
    if (isObject(message['audio']) && 'id' in message['audio'])
      found.push({ path: `messages[${i}].audio.id`, id: idIn(message['audio']['id']) });
    search(message['content'], `messages[${i}].content`, found);
  }
  const tools: unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  for (let i = 0; i < tools.length; i++) {
    const tool = tools[i];
    // What a function's arguments are called is the client's own affair.
    if (isObject(tool) && tool['type'] !== 'function') search(tool, `tools[${i}]`, found);
  }
  return found;
}

/** Characters; where it goes on deeper, the path ends. */
const longestPath = 100;

const isGiven = (value: unknown) => value !== undefined && value !== null;

const idIn = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** One id, or a list of them. What is neither is nobody's. */
function namedBy(value: unknown, path: string): NamedThing[] {
  const ids: unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  return ids.map((id) => ({ path, id: idIn(id) }));
}

/** Without recursion: a client decides how deep this is. */
function search(root: unknown, rootPath: string, found: NamedThing[]): void {
  if (typeof root !== 'object' || root === null) return;
  const open: { readonly value: object; readonly path: string }[] = [{ value: root, path: rootPath }];
  for (let next = open.pop(); next; next = open.pop()) {
    const isList = Array.isArray(next.value);
    for (const [key, value] of Object.entries(next.value) as [string, unknown][]) {
      const path = next.path.length > longestPath ? next.path : next.path + (isList ? `[${key}]` : `.${key}`);
      if (!isList && within.has(key) && isGiven(value)) found.push(...namedBy(value, path));
      else if (typeof value === 'object' && value !== null) open.push({ value, path });
    }
  }
}
