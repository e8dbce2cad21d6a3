import {
  BadRequest,
  ifPresent,
  isObject,
  listWords,
  requireArray,
  requireBoolean,
  requireInteger,
  requireMatch,
  requireNumber,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import { inCamelCase, thinksInLevels } from './gemini-fields.ts';
import { readGeminiContents } from './gemini-contents.ts';
import { countImages, mergeTurns } from './understood.ts';
import type { Understood, UnderstoodTool } from './understood.ts';

const TOP = listWords(
  'contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels store serviceTier',
);
const CONFIG = listWords(`
  temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty responseMimeType
  responseSchema responseJsonSchema responseModalities responseLogprobs logprobs thinkingConfig speechConfig imageConfig
  mediaResolution enableEnhancedCivicAnswers
`);
const SAMPLING = listWords(
  'temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs',
);

/**
 * Reads a call as the vendor does: it refuses every name that it does not know.
 * @throws BadRequest
 */
export function readGeminiRequest(
  given: Json,
  script: Script,
  { model, stream }: { model: string; stream: boolean },
): Understood {
  const body = inCamelCase(given, '', TOP);
  const config =
    body.generationConfig === undefined
      ? {}
      : inCamelCase(body.generationConfig, 'generation_config', CONFIG);
  const tools = readTools(body.tools);
  const levels = thinksInLevels(model);
  const turns = mergeTurns(
    readGeminiContents(body.contents, { wantsProof: levels && !script.anySignature, script }),
  );
  const responseFormat = readFormat(config);
  if (!levels && tools.length > 0 && responseFormat)
    throw new BadRequest('', "Function calling with a response mime type: 'application/json' is unsupported");
  const stop = ifPresent(config.stopSequences, (value) => requireArray(value, 'stop_sequences')) ?? [];
  if (stop.length > 5)
    throw new BadRequest('stop_sequences', 'The number of stop sequences must be at most 5.');
  readSampling(config);
  return {
    vendor: 'gemini',
    model,
    stream,
    system: readInstruction(body.systemInstruction),
    turns,
    images: countImages(turns),
    tools,
    toolChoice: readChoice(body.toolConfig, tools),
    parallelTools: null,
    responseFormat,
    stop: stop.map((word, i) => requireText(word, `stop_sequences[${i}]`)),
    maxTokens:
      ifPresent(config.maxOutputTokens, (of) => requireInteger(of, 'max_output_tokens', [1, 1e9])) ?? null,
    choices: ifPresent(config.candidateCount, (of) => requireInteger(of, 'candidate_count', [1, 8])) ?? 1,
    sampling: Object.fromEntries(SAMPLING.filter((key) => key in config).map((key) => [key, config[key]])),
    reasoning: readThinking(config.thinkingConfig, levels),
    user: null,
    cacheBreakpoints: 0,
    includeUsage: true,
    otherKeys: [],
  };
}

function readSampling(config: Json): void {
  ifPresent(config.temperature, (value) => requireNumber(value, 'temperature', [0, 2]));
  ifPresent(config.topP, (value) => requireNumber(value, 'top_p', [0, 1]));
  ifPresent(config.topK, (value) => requireNumber(value, 'top_k', [1, 1000]));
  ifPresent(config.seed, (value) => requireInteger(value, 'seed', [-(2 ** 31), 2 ** 31 - 1]));
  ifPresent(config.presencePenalty, (value) => requireNumber(value, 'presence_penalty', [-2, 2]));
  ifPresent(config.frequencyPenalty, (value) => requireNumber(value, 'frequency_penalty', [-2, 2]));
  const shows = ifPresent(config.responseLogprobs, (value) => requireBoolean(value, 'response_logprobs'));
  ifPresent(config.logprobs, (value) => requireInteger(value, 'logprobs', [0, 20]));
  if (config.logprobs !== undefined && !shows)
    throw new BadRequest('logprobs', 'logprobs is set, but response_logprobs is not.');
}

function readInstruction(value: unknown): string[] {
  if (value === undefined) return [];
  const { parts } = inCamelCase(value, 'system_instruction', ['role', 'parts']);
  return (Array.isArray(parts) ? parts : [parts]).map((part, i) =>
    requireText(requireObject(part, `parts[${i}]`).text, `system_instruction.parts[${i}].text`),
  );
}

function readThinking(value: unknown, levels: boolean): Json | null {
  if (value === undefined) return null;
  const thinking = inCamelCase(value, 'thinking_config', [
    'includeThoughts',
    'thinkingBudget',
    'thinkingLevel',
  ]);
  ifPresent(thinking.includeThoughts, (of) => requireBoolean(of, 'include_thoughts'));
  ifPresent(thinking.thinkingBudget, (of) => requireInteger(of, 'thinking_budget', [-1, 32_768]));
  ifPresent(thinking.thinkingLevel, (of) =>
    requireOneOf(of, 'thinking_level', ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH']),
  );
  if (thinking.thinkingLevel !== undefined && thinking.thinkingBudget !== undefined)
    throw new BadRequest('', 'You can only set only one of thinking budget and thinking level.');
  if (thinking.thinkingLevel !== undefined && !levels)
    throw new BadRequest('', 'Thinking level is not supported for this model.');
  return thinking;
}

function readTools(value: unknown): UnderstoodTool[] {
  const tools = ifPresent(value, (present) => requireArray(present, 'tools')) ?? [];
  return tools.flatMap((entry, i): UnderstoodTool[] => {
    const kinds = listWords(
      'functionDeclarations googleSearch codeExecution urlContext fileSearch retrieval',
    );
    const tool = inCamelCase(entry, `tools[${i}]`, kinds);
    const functions =
      ifPresent(tool.functionDeclarations, (of) => requireArray(of, 'function_declarations')) ?? [];
    return functions.map((of, j) => readFunction(of, `tools[${i}].function_declarations[${j}]`));
  });
}

function readFunction(value: unknown, where: string): UnderstoodTool {
  const names = listWords(
    'name description parameters parametersJsonSchema response responseJsonSchema behavior',
  );
  const fn = inCamelCase(value, where, names);
  if (fn.parameters !== undefined && fn.parametersJsonSchema !== undefined)
    throw new BadRequest(where, 'parameters and parameters_json_schema cannot both be set.');
  return {
    kind: 'function',
    name: requireMatch(fn.name, `${where}.name`, /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/),
    description: ifPresent(fn.description, (text) => requireString(text, `${where}.description`)),
    schema: fn.parametersJsonSchema ?? fn.parameters ?? { type: 'object', properties: {} },
  };
}

function readChoice(value: unknown, tools: readonly UnderstoodTool[]): Understood['toolChoice'] {
  if (value === undefined) return null;
  const config = inCamelCase(value, 'tool_config', ['functionCallingConfig', 'retrievalConfig']);
  if (config.functionCallingConfig === undefined) return null;
  const where = 'tool_config.function_calling_config';
  const names = listWords('mode allowedFunctionNames streamFunctionCallArguments');
  const calling = inCamelCase(config.functionCallingConfig, where, names);
  const mode = requireOneOf(calling.mode, `${where}.mode`, ['AUTO', 'ANY', 'NONE', 'VALIDATED']);
  if (tools.length === 0)
    throw new BadRequest(where, 'Function calling config is set without function_declarations.');
  const allowed = ifPresent(calling.allowedFunctionNames, (of) => requireArray(of, where)) ?? [];
  if (allowed.length > 0 && mode !== 'ANY' && mode !== 'VALIDATED')
    throw new BadRequest(
      where,
      'allowed_function_names should be set only when the mode is ANY or VALIDATED.',
    );
  for (const name of allowed)
    if (!tools.some((tool) => tool.name === name))
      throw new BadRequest(where, `allowed_function_names: "${String(name)}" is not declared.`);
  if (mode === 'ANY' && allowed.length === 1) return { mode: 'named', name: String(allowed[0]) };
  return { mode: mode === 'ANY' ? 'required' : mode === 'NONE' ? 'none' : 'auto' };
}

function readFormat(config: Json): Understood['responseFormat'] {
  const type = ifPresent(config.responseMimeType, (of) => requireString(of, 'response_mime_type'));
  const schema = config.responseJsonSchema ?? config.responseSchema;
  if (config.responseJsonSchema !== undefined && config.responseSchema !== undefined)
    throw new BadRequest('', 'response_schema and response_json_schema cannot both be set.');
  if (schema !== undefined && type !== 'application/json')
    throw new BadRequest('', 'A response schema needs response_mime_type application/json.');
  if (type === undefined || type === 'text/plain') return null;
  requireOneOf(type, 'response_mime_type', ['application/json']);
  return isObject(schema) ? { type: 'json_schema', schema } : { type: 'json_object' };
}
