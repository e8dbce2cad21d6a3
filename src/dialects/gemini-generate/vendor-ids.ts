import type { JsonObject } from '#core/call.ts';
import type { NamedThing } from '#core/contracts/keeping.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { isObject } from '#core/read-json.ts';
import { readRepeated } from './fields.ts';
import { isKept } from './media.ts';

/** Kinds of tools that read what was stored at the vendor. */
const stores = ['fileSearch', 'file_search', 'retrieval'];

/**
 * Paths of fields that name something the provider keeps: cached contents, uploaded files, objects in buckets, stores.
 * https://ai.google.dev/api/files
 */
export function findVendorIds(body: JsonObject): string[] {
  const found: string[] = [];
  for (const name of ['cachedContent', 'cached_content'])
    if (typeof body[name] === 'string' && body[name] !== '') found.push(name);
  found.push(...findFiles(body).map(({ path }) => path));
  for (const [i, tool] of readRepeated(body['tools']).entries())
    for (const name of stores) if (isObject(tool) && name in tool) found.push(`tools[${i}].${name}`);
  return found;
}

/** The files among them. */
export function findFiles(body: JsonObject): NamedThing[] {
  const found: NamedThing[] = [];
  for (const [i, content] of readRepeated(body['contents']).entries())
    findInParts(content, `contents[${i}]`, found);
  for (const name of ['systemInstruction', 'system_instruction']) findInParts(body[name], name, found);
  return found;
}

/** `files/abc`, alone or at the end of an address. */
const nameOf = (uri: string): string | null => /(?:^|\/)(files\/[^/?#:]+)$/.exec(uri)?.[1] ?? null;

function findInParts(content: unknown, path: string, found: NamedThing[]): void {
  if (!isObject(content)) return;
  for (const [i, part] of readRepeated(content['parts']).entries()) {
    if (!isObject(part)) continue;
    const at = `${path}.parts[${i}]`;
    for (const name of ['fileData', 'file_data']) {
      const file = part[name];
      if (!isObject(file)) continue;
      for (const field of ['fileUri', 'file_uri'])
        if (typeof file[field] === 'string' && isKept(file[field]))
          found.push({ path: `${at}.${name}.${field}`, id: nameOf(file[field]) });
    }
    for (const name of ['functionResponse', 'function_response'])
      findInParts(part[name], `${at}.${name}`, found);
  }
}

/** A body without any of these names nothing below its top level. */
export const vendorIdWords = wordsPattern([
  '"fileUri"',
  '"file_uri"',
  '"fileSearch"',
  '"file_search"',
  '"retrieval"',
]);
