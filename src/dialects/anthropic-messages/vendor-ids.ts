import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/**
 * Paths of fields that name something the provider keeps: uploaded files, and containers with what was run in them.
 * https://docs.anthropic.com/en/docs/build-with-claude/files
 */
export function findVendorIds(body: JsonObject): string[] {
  const found: string[] = [];
  const container = body['container'];
  if (typeof container === 'string' || (isObject(container) && namesKept(container))) found.push('container');
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i];
    if (isObject(message)) findInBlocks(message['content'], `messages[${i}].content`, found);
  }
  return found;
}

/** A container that was made before, or skills that were uploaded; the vendor's own are everybody's. */
function namesKept(container: JsonObject): boolean {
  if (container['id'] !== undefined && container['id'] !== null) return true;
  const { skills } = container;
  return Array.isArray(skills) && skills.some((skill) => !isObject(skill) || skill['type'] !== 'anthropic');
}

/** Blocks hold a file as their source, or are one; results of tools hold blocks. */
function findInBlocks(content: unknown, path: string, found: string[]): void {
  if (!Array.isArray(content)) return;
  for (let i = 0; i < content.length; i++) {
    const block: unknown = content[i];
    if (!isObject(block)) continue;
    if ('file_id' in block) found.push(`${path}[${i}].file_id`);
    if (isObject(block['source']) && 'file_id' in block['source']) found.push(`${path}[${i}].source.file_id`);
    if (block['type'] === 'tool_result') findInBlocks(block['content'], `${path}[${i}].content`, found);
  }
}

/** Without these words there is none of them below the top level. */
export const vendorIdWords = ['file_id', 'container'];
