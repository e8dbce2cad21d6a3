import {
  BadRequest,
  ifPresent,
  requireArray,
  requireBoolean,
  requireMatch,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import { isOwnRedaction, isOwnSignature } from './signature.ts';
import { mergeTurns } from './understood.ts';
import type { Part, Turn } from './understood.ts';

const ID = /^[a-zA-Z0-9_-]+$/;
const USER_BLOCKS = ['text', 'image', 'document', 'search_result', 'tool_result', 'container_upload'];
const ASSISTANT_BLOCKS = ['text', 'thinking', 'redacted_thinking', 'tool_use', 'server_tool_use'];
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/**
 * Reads the turns and merges neighbours of one role.
 * @throws BadRequest for unknown roles and blocks, a history that starts with no user turn, thinking with a
 * signature the simulator did not make, and tool uses and results that do not pair up.
 */
export function readAnthropicTurns(messages: readonly unknown[], script: Script): Turn[] {
  const turns = messages.map((entry, index): Turn => {
    const where = `messages.${index}`;
    const message = requireObject(entry, where);
    const role = requireOneOf(message.role, `${where}.role`, ['user', 'assistant', 'system']);
    const parts = readBlocks(message.content, `${where}.content`, { role, script });
    if (parts.length === 0 && !(role === 'assistant' && index === messages.length - 1)) {
      throw new BadRequest(
        where,
        `${where}: all messages must have non-empty content except for the optional final assistant message`,
      );
    }
    return { role, parts };
  });
  if (turns[0]?.role !== 'user') {
    throw new BadRequest('messages', 'messages: first message must use the "user" role');
  }
  const last = turns.at(-1);
  const tail = last?.role === 'assistant' ? last.parts.at(-1) : undefined;
  if (tail?.type === 'text' && /\s$/.test(tail.text)) {
    throw new BadRequest('messages', 'messages: final assistant content cannot end with trailing whitespace');
  }
  pairTools(mergeTurns(turns.filter((turn) => turn.role !== 'system')));
  return mergeTurns(turns);
}

/** Reads a string or a list of text blocks (system prompts, texts of tool results). */
export function readTextBlocks(value: unknown, where: string): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return requireArray(value, where).map((entry, index) => {
    const block = requireObject(entry, `${where}.${index}`);
    requireOneOf(block.type, `${where}.${index}.type`, ['text']);
    return requireNonBlank(block.text, `${where}.${index}.text`);
  });
}

function pairTools(turns: readonly Turn[]): void {
  const seen = new Set<string>();
  turns.forEach((turn, index) => {
    const where = `messages.${index}`;
    const answers = turn.parts.filter((part) => part.type === 'tool-result');
    const asked = turns[index - 1]?.parts.filter((part) => part.type === 'tool-call') ?? [];
    for (const answer of answers) {
      if (asked.some((use) => use.id === answer.id)) continue;
      throw new BadRequest(
        where,
        `${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${answer.id}. ` +
          'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.',
      );
    }
    if (new Set(answers.map((answer) => answer.id)).size < answers.length) {
      throw new BadRequest(where, `${where}: each tool_use must have a single result`);
    }
    if (turn.parts.slice(0, answers.length).some((part) => part.type !== 'tool-result')) {
      throw new BadRequest(where, `${where}: \`tool_result\` blocks must come first in the turn`);
    }
    const uses = turn.parts.filter((part) => part.type === 'tool-call');
    const next = turns[index + 1]?.parts ?? [];
    const missing = uses.filter(
      (use) => !next.some((part) => part.type === 'tool-result' && part.id === use.id),
    );
    if (missing.length > 0) {
      throw new BadRequest(
        where,
        `${where}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.map((use) => use.id).join(', ')}`,
      );
    }
    for (const use of uses) {
      if (seen.has(use.id)) throw new BadRequest(where, `${where}: \`tool_use\` ids must be unique`);
      seen.add(use.id);
    }
  });
}

interface BlockContext {
  role: Turn['role'];
  script: Script;
}

function readBlocks(content: unknown, where: string, context: BlockContext): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return requireArray(content, where).map((entry, index) => {
    const block = requireObject(entry, `${where}.${index}`);
    return readBlock(block, `${where}.${index}`, context);
  });
}

function readBlock(block: Json, where: string, context: BlockContext): Part {
  const type = requireText(block.type, `${where}.type`);
  if (context.role === 'assistant' && type.endsWith('_tool_result')) return { type: 'other', kind: type };
  const allowed = { user: USER_BLOCKS, assistant: ASSISTANT_BLOCKS, system: ['text'] }[context.role];
  requireOneOf(type, `${where}.type`, allowed);
  switch (type) {
    case 'text':
      return { type: 'text', text: requireNonBlank(block.text, `${where}.text`) };
    case 'image':
      return readImage(block, where);
    case 'document':
      return readDocument(block, where);
    case 'tool_use':
      return {
        type: 'tool-call',
        id: requireMatch(block.id, `${where}.id`, ID),
        name: requireText(block.name, `${where}.name`),
        arguments: requireObject(block.input, `${where}.input`),
      };
    case 'tool_result':
      return readToolResult(block, where);
    case 'thinking': {
      const text = requireString(block.thinking, `${where}.thinking`);
      const signature = requireText(block.signature, `${where}.signature`);
      if (context.script.anySignature || isOwnSignature(text, signature))
        return { type: 'thinking', text, signed: true };
      throw new BadRequest(where, `${where}: Invalid \`signature\` in \`thinking\` block`);
    }
    case 'redacted_thinking': {
      const data = requireText(block.data, `${where}.data`);
      if (context.script.anySignature || isOwnRedaction(data)) return { type: 'redacted-thinking' };
      throw new BadRequest(where, `${where}: Invalid \`data\` in \`redacted_thinking\` block`);
    }
    default:
      return { type: 'other', kind: type };
  }
}

function readToolResult(block: Json, where: string): Part {
  const id = requireMatch(block.tool_use_id, `${where}.tool_use_id`, ID);
  const isError = ifPresent(block.is_error, (value) => requireBoolean(value, `${where}.is_error`)) ?? false;
  const content = block.content ?? '';
  if (typeof content === 'string') return { type: 'tool-result', id, text: content, isError, images: 0 };
  let text = '';
  let images = 0;
  requireArray(content, `${where}.content`).forEach((entry, index) => {
    const at = `${where}.content.${index}`;
    const inner = requireObject(entry, at);
    const type = requireOneOf(inner.type, `${at}.type`, [
      'text',
      'image',
      'document',
      'search_result',
      'tool_reference',
    ]);
    if (type === 'text') text += requireString(inner.text, `${at}.text`);
    if (type === 'image') {
      readImage(inner, at);
      images++;
    }
  });
  return { type: 'tool-result', id, text, isError, images };
}

function readImage(block: Json, where: string): Part {
  const source = requireObject(block.source, `${where}.source`);
  const kind = requireOneOf(source.type, `${where}.source.type`, ['base64', 'url', 'file']);
  if (kind === 'url') {
    return {
      type: 'image',
      source: kind,
      url: requireMatch(source.url, `${where}.source.url`, /^https?:\/\//),
    };
  }
  if (kind === 'file')
    return { type: 'image', source: kind, url: requireText(source.file_id, `${where}.source.file_id`) };
  const mediaType = requireOneOf(source.media_type, `${where}.source.media_type`, IMAGE_TYPES);
  return { type: 'image', source: kind, mediaType, bytes: countBase64(source.data, `${where}.source.data`) };
}

function readDocument(block: Json, where: string): Part {
  const source = requireObject(block.source, `${where}.source`);
  const kind = requireOneOf(source.type, `${where}.source.type`, [
    'base64',
    'text',
    'url',
    'content',
    'file',
  ]);
  if (kind === 'base64') countBase64(source.data, `${where}.source.data`);
  const name = ifPresent(block.title, (title) => requireString(title, `${where}.title`));
  const mediaType = ifPresent(source.media_type, (type) => requireString(type, `${where}.source.media_type`));
  return { type: 'file', source: kind, mediaType, name };
}

function countBase64(value: unknown, where: string): number {
  const data = requireText(value, where);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) throw new BadRequest(where, `${where}: invalid base64 data`);
  return Buffer.byteLength(data, 'base64');
}

function requireNonBlank(value: unknown, where: string): string {
  const text = requireString(value, where);
  if (text === '') throw new BadRequest(where, `${where}: text content blocks must be non-empty`);
  return text;
}
