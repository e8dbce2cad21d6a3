import type {
  Conversation,
  JsonObject,
  OutputFormat,
  ReasoningWish,
  Tool,
  ToolChoice,
  Turn,
} from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import {
  invalidField,
  isObject,
  optional,
  readArray,
  readBoolean,
  readCount,
  readNumber,
  readObject,
  readString,
  restOf,
} from '#core/read-json.ts';
import { readBrief } from './brief.ts';
import { cacheOf, parseContent } from './parse-content.ts';
import { words } from './words.ts';

const known = new Set([
  'messages',
  'system',
  'inferenceConfig',
  'toolConfig',
  'outputConfig',
  'additionalModelRequestFields',
]);

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
export function parseCall(body: JsonObject, line: CallLine): Conversation {
  const brief = readBrief(body, line);
  const config = optional(body['inferenceConfig'], 'inferenceConfig', readObject) ?? {};
  const output = optional(body['outputConfig'], 'outputConfig', readObject) ?? {};
  const toolConfig = optional(body['toolConfig'], 'toolConfig', readObject) ?? {};
  const fields = body['additionalModelRequestFields'];
  const more = isObject(fields) ? fields : {};
  const choice = optional(toolConfig['toolChoice'], 'toolConfig.toolChoice', readObject);
  return {
    dialect: 'bedrock-converse',
    words,
    turns: [
      ...parseSystem(body['system']),
      ...(optional(body['messages'], 'messages', readArray) ?? []).flatMap((message, i) =>
        parseTurns(message, `messages[${i}]`),
      ),
    ],
    tools: parseTools(toolConfig['tools']),
    toolChoice: choice && parseToolChoice(choice),
    parallelToolCalls: null,
    outputFormat: parseFormat(output['textFormat']),
    maxOutputTokens: brief.maxOutputTokens,
    choices: 1,
    stop: (optional(config['stopSequences'], 'inferenceConfig.stopSequences', readArray) ?? []).map(
      (word, i) => readString(word, `inferenceConfig.stopSequences[${i}]`),
    ),
    temperature: optional(config['temperature'], 'inferenceConfig.temperature', readNumber),
    topP: optional(config['topP'], 'inferenceConfig.topP', readNumber),
    topK: optional(more['top_k'], 'additionalModelRequestFields.top_k', readNumber),
    seed: null,
    frequencyPenalty: null,
    presencePenalty: null,
    logprobs: null,
    reasoning: parseThinking(more['thinking'], output['effort']),
    endUser: null,
    stream: brief.stream,
    rest: {
      ...restOf(body, known),
      ...prefixed('inferenceConfig', config, ['maxTokens', 'temperature', 'topP', 'stopSequences']),
      ...prefixed('outputConfig', output, ['textFormat', 'effort']),
      ...prefixed('additionalModelRequestFields', more, ['top_k', 'thinking']),
    },
  };
}

const prefixed = (name: string, of: JsonObject, without: readonly string[]): JsonObject =>
  Object.fromEntries(
    Object.entries(restOf(of, new Set(without)) ?? {}).map(([key, value]) => [`${name}.${key}`, value]),
  );

function parseSystem(value: unknown): Turn[] {
  const parts = value === undefined || value === null ? [] : parseContent(value, 'system');
  return parts.length > 0 ? [{ role: 'system', parts }] : [];
}

/** Results of tools stand in the user's turn here, and are turns of their own in neutral words. */
function parseTurns(value: unknown, path: string): Turn[] {
  const message = readObject(value, path);
  const role = readString(message['role'], `${path}.role`);
  const parts = parseContent(message['content'], `${path}.content`);
  if (role === 'assistant') return [{ role, parts }];
  if (role !== 'user') throw invalidField(`${path}.role`, '"user" or "assistant"', role);
  const results = parts.filter((part) => part.type === 'tool-result');
  const others = parts.filter((part) => part.type !== 'tool-result');
  return [
    ...(results.length > 0 ? [{ role: 'tool', parts: results } as const] : []),
    ...(others.length > 0 || results.length === 0 ? [{ role: 'user', parts: others } as const] : []),
  ];
}

function parseTools(value: unknown): Tool[] {
  const tools: Tool[] = [];
  for (const [i, given] of (optional(value, 'toolConfig.tools', readArray) ?? []).entries()) {
    const path = `toolConfig.tools[${i}]`;
    const entry = readObject(given, path);
    const cache = cacheOf(entry);
    const last = tools.at(-1);
    if (cache) {
      if (last) tools[tools.length - 1] = { ...last, cache };
    } else tools.push(parseTool(entry, path));
  }
  return tools;
}

function parseTool(entry: JsonObject, path: string): Tool {
  const spec = entry['toolSpec'];
  if (!isObject(spec)) {
    const system = isObject(entry['systemTool']) ? entry['systemTool'] : {};
    return { name: String(system['name'] ?? ''), description: null, schema: null, strict: null, raw: entry };
  }
  const schema = readObject(spec['inputSchema'], `${path}.toolSpec.inputSchema`);
  return {
    name: readString(spec['name'], `${path}.toolSpec.name`),
    description: optional(spec['description'], `${path}.toolSpec.description`, readString),
    schema: readObject(schema['json'], `${path}.toolSpec.inputSchema.json`),
    strict: optional(spec['strict'], `${path}.toolSpec.strict`, readBoolean),
  };
}

function parseToolChoice(choice: JsonObject): ToolChoice {
  if (choice['auto'] !== undefined) return { type: 'auto' };
  if (choice['any'] !== undefined) return { type: 'required' };
  if (isObject(choice['tool']))
    return { type: 'named', name: readString(choice['tool']['name'], 'toolConfig.toolChoice.tool.name') };
  throw invalidField('toolConfig.toolChoice', '"auto", "any" or "tool"', choice);
}

/** The schema is a text here. */
function parseFormat(value: unknown): OutputFormat | null {
  if (value === undefined || value === null) return null;
  const path = 'outputConfig.textFormat';
  const format = readObject(value, path);
  if (format['type'] !== 'json_schema') throw invalidField(`${path}.type`, '"json_schema"', format['type']);
  const structure = readObject(format['structure'], `${path}.structure`);
  const definition = readObject(structure['jsonSchema'], `${path}.structure.jsonSchema`);
  const at = `${path}.structure.jsonSchema.schema`;
  const text = readString(definition['schema'], at);
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    throw invalidField(at, 'a JSON schema as text', text);
  }
  const name = optional(definition['name'], `${path}.structure.jsonSchema.name`, readString);
  return { type: 'json-schema', name: name ?? 'answer', schema: readObject(schema, at), strict: null };
}

/** Models think by fields of their own; this is how those do that are asked most. */
function parseThinking(value: unknown, effort: unknown): ReasoningWish | null {
  const level = optional(effort, 'outputConfig.effort', readString);
  if (value === undefined || value === null)
    return level === null ? null : { effort: level, budgetTokens: null, enabled: true };
  const path = words.reasoning;
  const thinking = readObject(value, path);
  return {
    effort: level,
    budgetTokens: optional(thinking['budget_tokens'], `${path}.budget_tokens`, readCount),
    enabled: thinking['type'] !== 'disabled',
  };
}
