import type { JsonObject, Part, Turn } from '#core/call.ts';
import { invalidField, optional, readArray, readObject, readString } from '#core/read-json.ts';
import { parseContent, reasoningText, withRest } from './parse-parts.ts';

/** What stands before everything else, and a text or items. What is left to stored state may come without any. */
export function parseInput(body: JsonObject): Turn[] {
  const instructions = optional(body['instructions'], 'instructions', readString);
  const opening: Turn[] = instructions ? [{ role: 'system', parts: [text(instructions)] }] : [];
  const { input } = body;
  if (typeof input === 'string') return [...opening, { role: 'user', parts: [text(input)] }];
  const items = optional(input, 'input', readArray) ?? [];
  const turns = items.flatMap((item, i) => parseItem(readObject(item, `input[${i}]`), `input[${i}]`));
  return [...opening, ...joined(turns)];
}

const text = (of: string): Part => ({ type: 'text', text: of });

/** What the model did in one go stands in items of their own here, as does each result of a tool. */
function joined(turns: readonly Turn[]): Turn[] {
  const result: { -readonly [K in keyof Turn]: Turn[K] }[] = [];
  for (const turn of turns) {
    const last = result.at(-1);
    const joins = turn.role === 'assistant' || turn.role === 'tool';
    if (joins && last?.role === turn.role) {
      last.parts = [...last.parts, ...turn.parts];
      if (turn.rest) last.rest = { ...last.rest, ...turn.rest };
    } else result.push({ ...turn });
  }
  return result;
}

function parseItem(item: JsonObject, path: string): Turn[] {
  const type = optional(item['type'], `${path}.type`, readString);
  switch (type) {
    case 'function_call':
      return [{ role: 'assistant', parts: [parseToolCall(item, path)] }];
    case 'function_call_output':
      return [{ role: 'tool', parts: [parseToolResult(item, path)] }];
    case 'reasoning': {
      const part = parseReasoning(item, path);
      return [{ role: 'assistant', parts: [part] }];
    }
    case 'message':
      return [parseMessage(item, path)];
    case null:
      if (item['role'] !== undefined) return [parseMessage(item, path)];
      return [opaque(item, 'item_reference')];
    default:
      return [opaque(item, type)];
  }
}

/** Calls of hosted tools, their results, references: in the order in which they came. */
const opaque = (item: JsonObject, type: string): Turn => ({
  role: 'assistant',
  parts: [{ type: 'opaque', dialect: 'openai-responses', raw: { ...item, type } }],
});

function parseMessage(item: JsonObject, path: string): Turn {
  const role = readString(item['role'], `${path}.role`);
  const parts = parseContent(item['content'], `${path}.content`);
  const rest = withRest(item, ['type', 'role', 'content', 'id', 'status']);
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', parts, ...rest };
    case 'user':
    case 'assistant':
      return { role, parts, ...rest };
    default:
      throw invalidField(`${path}.role`, '"user", "assistant", "system" or "developer"', role);
  }
}

function parseToolCall(item: JsonObject, path: string): Part {
  return {
    type: 'tool-call',
    id: readString(item['call_id'], `${path}.call_id`),
    name: readString(item['name'], `${path}.name`),
    arguments: readString(item['arguments'], `${path}.arguments`),
    ...withRest(item, ['type', 'id', 'call_id', 'name', 'arguments', 'status']),
  };
}

function parseToolResult(item: JsonObject, path: string): Part {
  return {
    type: 'tool-result',
    callId: readString(item['call_id'], `${path}.call_id`),
    parts: parseContent(item['output'], `${path}.output`),
    isError: false,
    ...withRest(item, ['type', 'id', 'call_id', 'output', 'status']),
  };
}

/** With a text of its own the state is that text's proof; alone it is sealed reasoning. */
function parseReasoning(item: JsonObject, path: string): Part {
  const state = optional(item['encrypted_content'], `${path}.encrypted_content`, readString) || null;
  const said = reasoningText(item);
  if (said !== '') return { type: 'reasoning', text: said, signature: state, sealed: null };
  if (state !== null) return { type: 'reasoning', text: '', signature: null, sealed: state };
  return { type: 'opaque', dialect: 'openai-responses', raw: item };
}
