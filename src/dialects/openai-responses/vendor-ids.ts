import type { JsonObject } from '#core/call.ts';
import type { NamedThing } from '#core/contracts/keeping.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { isObject } from '#core/read-json.ts';

/** Earlier answers, conversations and prompts kept at the provider, and what makes this answer one of them. */
export const topLevelIds = ['previous_response_id', 'conversation', 'prompt', 'store', 'background'];

/** Below the top level, in items, parts and hosted tools. */
const within = new Set([
  'file_id',
  'file_ids',
  'container_id',
  'vector_store_ids',
  'skill_id',
  'comparison_response_id',
]);

/** A body without any of these names nothing below its top level. An item that is kept is named by its id alone. */
export const vendorIdWords = wordsPattern(['"id"', '"container"', ...[...within].map((word) => `"${word}"`)]);

/**
 * Paths of fields that name something the provider keeps, or that ask it to keep the answer: who may then fetch it is not
 * known to the gateway.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
export const findVendorIds = (body: JsonObject): string[] => [
  ...new Set(findNamed(body).map(({ path }) => path)),
];

/** The same with what they name. A prompt is made in the operator's own account only. */
export function findNamed(body: JsonObject): NamedThing[] {
  const found = topLevelIds
    .filter((key) => isNamed(body[key]))
    .map((path) => ({ path, id: topLevelId(path, body[path]) }));
  search(body['prompt_cache_options'], 'prompt_cache_options', found);
  const input: unknown[] = Array.isArray(body['input']) ? body['input'] : [];
  for (let i = 0; i < input.length; i++) {
    const item = input[i];
    if (!isObject(item)) continue;
    if (isReference(item)) found.push({ path: `input[${i}].id`, id: item['id'] as string });
    search(item, `input[${i}]`, found);
  }
  const tools: unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  for (let i = 0; i < tools.length; i++) {
    const tool = tools[i];
    // What a function's arguments are called is the client's own affair.
    if (!isObject(tool) || tool['type'] === 'function') continue;
    if (typeof tool['container'] === 'string')
      found.push({ path: `tools[${i}].container`, id: tool['container'] });
    search(tool, `tools[${i}]`, found);
  }
  return found;
}

function topLevelId(key: string, value: unknown): string | null {
  if (key === 'conversation' && isObject(value)) return idIn(value['id']);
  return key === 'previous_response_id' || key === 'conversation' ? idIn(value) : null;
}

const idIn = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const isGiven = (value: unknown) => value !== undefined && value !== null;
const isNamed = (value: unknown) => isGiven(value) && value !== false;

/** An item of which nothing but its id came: what it says is to be looked up. */
function isReference(item: JsonObject): boolean {
  if (typeof item['id'] !== 'string') return false;
  const { type } = item;
  if (type === 'reasoning')
    return !isGiven(item['encrypted_content']) && !isFilled(item['summary']) && !isFilled(item['content']);
  if (type === 'item_reference') return true;
  return type === 'image_generation_call' ? !isGiven(item['result']) : !type && !isGiven(item['role']);
}

const isFilled = (value: unknown) => Array.isArray(value) && value.length > 0;

/** One id, or a list of them. What is neither is nobody's. */
function namedBy(value: unknown, path: string): NamedThing[] {
  const ids: unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  return ids.map((id) => ({ path, id: idIn(id) }));
}

/** Characters; where it goes on deeper, the path ends. */
const longestPath = 100;

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
