import type { Conversation, JsonObject, OutputFormat, ReasoningWish, Tool, ToolChoice } from '#core/call.ts';
import type { CallLine } from '#core/contracts/dialect.ts';
import {
  invalidField,
  optional,
  readArray,
  readBoolean,
  readCount,
  readNumber,
  readObject,
  readString,
  restOf,
} from '#core/read-json.ts';
import { readBrief, readConfig } from './brief.ts';
import { readMessage, readRepeated } from './fields.ts';
import { parseContents, parseInstruction } from './parse-content.ts';
import { toJsonSchema } from './schema.ts';
import { words } from './words.ts';

const known = new Set(['model', 'contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig']);
const knownConfig = new Set([
  'temperature',
  'topP',
  'topK',
  'candidateCount',
  'maxOutputTokens',
  'stopSequences',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseLogprobs',
  'logprobs',
  'thinkingConfig',
]);

/** https://ai.google.dev/api/generate-content#request-body */
export function parseCall(given: JsonObject, line: CallLine): Conversation {
  const brief = readBrief(given, line);
  const body = readMessage(given, '');
  const config = readConfig(given);
  const at = (name: string) => `generationConfig.${name}`;
  const number = (name: string) => optional(config[name], at(name), readNumber);
  const choice = parseToolConfig(body['toolConfig']);
  const stop = readRepeated(config['stopSequences']);
  const logprobs = optional(config['responseLogprobs'], at('responseLogprobs'), readBoolean);
  return {
    dialect: 'gemini-generate',
    words,
    turns: [...parseInstruction(body['systemInstruction']), ...parseContents(body['contents'])],
    tools: readRepeated(body['tools']).flatMap((tool, i) => parseTool(tool, `tools[${i}]`, choice.strict)),
    toolChoice: choice.choice,
    parallelToolCalls: null,
    outputFormat: parseFormat(config),
    maxOutputTokens: brief.maxOutputTokens,
    choices: brief.choices,
    stop: stop.map((word, i) => readString(word, at(`stopSequences[${i}]`))),
    temperature: number('temperature'),
    topP: number('topP'),
    topK: number('topK'),
    seed: number('seed'),
    frequencyPenalty: number('frequencyPenalty') || null,
    presencePenalty: number('presencePenalty') || null,
    logprobs: logprobs ? (optional(config['logprobs'], at('logprobs'), readCount) ?? 0) : null,
    reasoning: parseThinking(config['thinkingConfig']),
    endUser: null,
    stream: brief.stream,
    rest: { ...restOf(body, known), ...choice.rest, ...restOfConfig(config) },
  };
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
/** That the answer is to be text asks for nothing. */
const isText = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 1 && String(value[0]).toUpperCase() === 'TEXT';

function restOfConfig(config: JsonObject): JsonObject {
  const type = config['responseMimeType'] ?? 'text/plain';
  const isKnown = type === 'text/plain' || type === 'application/json';
  const rest = Object.entries(restOf(config, knownConfig) ?? {});
  return Object.fromEntries(
    [...rest, ...(isKnown ? [] : [['responseMimeType', type] as const])]
      .filter(([name, value]) => !isEmpty(value) && !(name === 'responseModalities' && isText(value)))
      .map(([name, value]) => [`generationConfig.${name}`, value]),
  );
}

/** Levels of later models, budgets of earlier ones: 0 is none, and -1 as much as the model sees fit. */
function parseThinking(value: unknown): ReasoningWish | null {
  const path = 'generationConfig.thinkingConfig';
  const thinking = optional(value, path, readMessage);
  if (!thinking) return null;
  const budget = optional(thinking['thinkingBudget'], `${path}.thinkingBudget`, readNumber);
  const level = optional(thinking['thinkingLevel'], `${path}.thinkingLevel`, readString)?.toLowerCase();
  const effort = level === undefined || level === 'thinking_level_unspecified' ? null : level;
  const shows = optional(thinking['includeThoughts'], `${path}.includeThoughts`, readBoolean) ?? false;
  if (budget === null && effort === null && !shows) return null;
  const budgetTokens = budget !== null && budget > 0 ? budget : null;
  return { effort, budgetTokens, enabled: budget !== 0 };
}

function parseToolConfig(value: unknown): { choice: ToolChoice | null; strict: boolean; rest: JsonObject } {
  const config = optional(value, 'toolConfig', readMessage) ?? {};
  const path = 'toolConfig.functionCallingConfig';
  const calling = optional(config['functionCallingConfig'], path, readMessage) ?? {};
  const mode = optional(calling['mode'], `${path}.mode`, readString)?.toUpperCase() ?? 'MODE_UNSPECIFIED';
  const among = readRepeated(calling['allowedFunctionNames']).map((name, i) =>
    readString(name, `${path}.allowedFunctionNames[${i}]`),
  );
  const rest = [
    ...Object.entries(restOf(config, new Set(['functionCallingConfig'])) ?? {}).map(
      ([name, of]) => [`toolConfig.${name}`, of] as const,
    ),
    ...Object.entries(restOf(calling, new Set(['mode', 'allowedFunctionNames'])) ?? {}).map(
      ([name, of]) => [`${path}.${name}`, of] as const,
    ),
  ];
  return {
    choice: choiceOf(mode, among, `${path}.mode`),
    strict: mode === 'VALIDATED',
    rest: Object.fromEntries(rest),
  };
}

function choiceOf(mode: string, among: readonly string[], path: string): ToolChoice | null {
  const [only] = among;
  switch (mode) {
    case 'MODE_UNSPECIFIED':
      return null;
    case 'NONE':
      return { type: 'none' };
    case 'ANY':
      if (only === undefined) return { type: 'required' };
      return among.length === 1 ? { type: 'named', name: only } : { type: 'required', among };
    case 'AUTO':
    case 'VALIDATED':
      return only === undefined ? { type: 'auto' } : { type: 'auto', among };
    default:
      throw invalidField(path, '"AUTO", "ANY", "NONE" or "VALIDATED"', mode);
  }
}

/** Of other types of text only the dialect itself knows. */
function parseFormat(config: JsonObject): OutputFormat | null {
  const at = (name: string) => `generationConfig.${name}`;
  const type = optional(config['responseMimeType'], at('responseMimeType'), readString) ?? 'text/plain';
  const own = optional(config['responseSchema'], at('responseSchema'), readObject);
  const schema =
    optional(config['responseJsonSchema'], at('responseJsonSchema'), readObject) ??
    (own ? toJsonSchema(own) : null);
  if (type !== 'application/json') return null;
  return schema ? { type: 'json-schema', name: 'answer', schema, strict: null } : { type: 'json' };
}

/** A tool holds declarations of functions, or is one of the vendor's own. */
function parseTool(value: unknown, path: string, isStrict: boolean): Tool[] {
  const tool = readMessage(value, path);
  const own = Object.entries(restOf(tool, new Set(['functionDeclarations'])) ?? {}).map(
    ([name, raw]): Tool => ({ name, description: null, schema: null, strict: null, raw: { [name]: raw } }),
  );
  const functions = optional(tool['functionDeclarations'], `${path}.functionDeclarations`, readArray) ?? [];
  return [
    ...functions.map((of, i) => parseFunction(of, `${path}.functionDeclarations[${i}]`, isStrict)),
    ...own,
  ];
}

function parseFunction(value: unknown, path: string, isStrict: boolean): Tool {
  const fn = readMessage(value, path);
  const own = optional(fn['parameters'], `${path}.parameters`, readObject);
  const schema = optional(fn['parametersJsonSchema'], `${path}.parametersJsonSchema`, readObject);
  const rest = restOf(fn, new Set(['name', 'description', 'parameters', 'parametersJsonSchema']));
  return {
    name: readString(fn['name'], `${path}.name`),
    description: optional(fn['description'], `${path}.description`, readString),
    schema: schema ?? (own ? toJsonSchema(own) : { type: 'object', properties: {} }),
    strict: isStrict ? true : null,
    ...(rest ? { rest } : {}),
  };
}
