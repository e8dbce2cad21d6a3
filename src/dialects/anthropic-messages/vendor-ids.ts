import type { JsonObject } from '#core/call.ts';
import type { NamedThing } from '#core/contracts/keeping.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { isObject } from '#core/read-json.ts';

/**
 * Paths of fields that name something the provider keeps: uploaded files, and containers with what was run in them.
 * https://docs.anthropic.com/en/docs/build-with-claude/files
 * https://docs.anthropic.com/en/api/skills-guide
 */
export function findVendorIds(body: JsonObject): string[] {
  const found: string[] = [];
  const container = body['container'];
  if (typeof container === 'string' || (isObject(container) && typeof container['id'] === 'string'))
    found.push('container');
  if (isObject(container) && Array.isArray(container['skills'])) {
    const skills = container['skills'] as unknown[];
    // The vendor's own skills are everybody's; custom ones were uploaded.
    const own = skills.findIndex((skill) => isObject(skill) && skill['type'] !== 'anthropic');
    if (own >= 0) found.push(`container.skills[${own}].skill_id`);
  }
  return [...found, ...findFiles(body).map(({ path }) => path)];
}

/** The files among them. */
export function findFiles(body: JsonObject): NamedThing[] {
  const found: NamedThing[] = [];
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (isObject(message)) findInBlocks(message['content'], `messages[${i}].content`, found);
  }
  return found;
}

/** Blocks hold a file as their source, or are one; results of tools hold blocks. */
function findInBlocks(content: unknown, path: string, found: NamedThing[]): void {
  if (!Array.isArray(content)) return;
  for (let i = 0; i < content.length; i++) {
    const block: unknown = content[i];
    if (!isObject(block)) continue;
    if ('file_id' in block) found.push(fileIn(block, `${path}[${i}]`));
    if (isObject(block['source']) && 'file_id' in block['source'])
      found.push(fileIn(block['source'], `${path}[${i}].source`));
    if (block['type'] === 'tool_result') findInBlocks(block['content'], `${path}[${i}].content`, found);
  }
}

const fileIn = ({ file_id: id }: JsonObject, path: string): NamedThing => ({
  path: `${path}.file_id`,
  id: typeof id === 'string' ? id : null,
});

/** A body without any of these names nothing below its top level. */
export const vendorIdWords = wordsPattern(['"file_id"', '"container"']);
