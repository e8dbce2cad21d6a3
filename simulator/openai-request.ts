import { readTurns } from './openai-turns.ts';
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
import { countImages, mergeTurns } from './understood.ts';
import type { Understood, UnderstoodTool } from './understood.ts';

export const FUNCTION_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

const SAMPLING = [
  'temperature',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'seed',
  'logit_bias',
  'logprobs',
];
const KNOWN = new Set([
  ...SAMPLING,
  ...listWords(`
  model messages max_completion_tokens max_tokens n stop top_logprobs user safety_identifier
  metadata store service_tier parallel_tool_calls tools tool_choice response_format
  reasoning_effort verbosity modalities audio prediction moderation web_search_options
  prompt_cache_key prompt_cache_retention prompt_cache_options stream stream_options functions
  function_call
`),
]);
/** Other vendors' words. One of them in a request means that it was not translated. */
const FOREIGN = new Set(
  listWords(`
  system stop_sequences top_k thinking output_config anthropic_version max_output_tokens
  cache_control inference_geo speed input instructions contents generationConfig
`),
);

/**
 * Reads a Chat Completions request as the vendor does.
 * @throws BadRequest for everything the vendor refuses.
 */
export function readChatRequest(body: Json, script: Script): Understood {
  refuseForeignKeys(body, script);
  const model = requireText(body.model, 'model');
  const messages = requireArray(body.messages, 'messages');
  if (messages.length === 0) throw new BadRequest('messages', 'messages: [] is too short - expected 1 item');
  const stream = ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? false;
  const tools = readTools(body.tools);
  const { system, turns } = readTurns(messages);
  const merged = mergeTurns(turns);
  return {
    vendor: 'openai',
    model,
    stream,
    system,
    turns: merged,
    images: countImages(merged),
    tools,
    toolChoice: readToolChoice(body, tools),
    parallelTools: readParallel(body),
    responseFormat: readResponseFormat(body.response_format),
    stop: readStop(body.stop),
    maxTokens: readMaxTokens(body),
    choices: ifPresent(body.n, (n) => requireInteger(n, 'n', [1, 128])) ?? 1,
    sampling: readSampling(body),
    reasoning: readReasoning(body),
    user: body.safety_identifier ?? body.user ?? null,
    cacheBreakpoints: JSON.stringify(messages).split('"prompt_cache_breakpoint"').length - 1,
    includeUsage: readIncludeUsage(body, stream, script),
    otherKeys: Object.keys(body).filter((key) => !KNOWN.has(key)),
  };
}

function refuseForeignKeys(body: Json, script: Script): void {
  for (const key of Object.keys(body)) {
    if (FOREIGN.has(key) || (script.strictKeys && !KNOWN.has(key))) {
      throw new BadRequest(key, `Unrecognized request argument supplied: ${key}`, 'unknown_parameter');
    }
  }
}

function readIncludeUsage(body: Json, stream: boolean, script: Script): boolean {
  if (body.stream_options === undefined || body.stream_options === null) return false;
  if (script.rejectStreamOptions) {
    const message = 'Unrecognized request argument supplied: stream_options';
    throw new BadRequest('stream_options', message, 'unknown_parameter');
  }
  const where = 'stream_options';
  const options = requireObject(body.stream_options, where);
  if (!stream)
    throw new BadRequest(where, `The '${where}' parameter is only allowed when 'stream' is enabled.`);
  const present = ifPresent(options.include_usage, (value) =>
    requireBoolean(value, `${where}.include_usage`),
  );
  return present ?? false;
}

function readTools(value: unknown): UnderstoodTool[] {
  if (value === undefined || value === null) return [];
  const tools = requireArray(value, 'tools');
  if (tools.length === 0) throw new BadRequest('tools', 'tools: [] is too short - expected 1 item');
  return tools.map((entry, index) => {
    const where = `tools[${index}]`;
    const tool = requireObject(entry, where);
    const kind = requireOneOf(tool.type, `${where}.type`, ['function', 'custom']);
    const inner = requireObject(tool[kind], `${where}.${kind}`);
    const name = requireMatch(inner.name, `${where}.${kind}.name`, FUNCTION_NAME);
    ifPresent(inner.description, (text) => requireString(text, `${where}.${kind}.description`));
    ifPresent(inner.parameters, (schema) => requireObject(schema, `${where}.${kind}.parameters`));
    ifPresent(inner.strict, (strict) => requireBoolean(strict, `${where}.${kind}.strict`));
    return {
      kind,
      name,
      description: inner.description,
      schema: kind === 'function' ? inner.parameters : inner.format,
      strict: inner.strict,
    };
  });
}

function readToolChoice(body: Json, tools: readonly UnderstoodTool[]): Understood['toolChoice'] {
  const choice = body.tool_choice;
  if (choice === undefined || choice === null) return null;
  if (tools.length === 0 && choice !== 'none') {
    throw new BadRequest('tool_choice', "'tool_choice' is only allowed when 'tools' are specified.");
  }
  if (typeof choice === 'string') {
    return { mode: requireOneOf(choice, 'tool_choice', ['none', 'auto', 'required']) };
  }
  const object = requireObject(choice, 'tool_choice');
  const kind = requireOneOf(object.type, 'tool_choice.type', ['function', 'custom', 'allowed_tools']);
  const inner = requireObject(object[kind], `tool_choice.${kind}`);
  if (kind === 'allowed_tools') {
    requireArray(inner.tools, 'tool_choice.allowed_tools.tools');
    return { mode: requireOneOf(inner.mode, 'tool_choice.allowed_tools.mode', ['auto', 'required']) };
  }
  const name = requireString(inner.name, `tool_choice.${kind}.name`);
  if (!tools.some((tool) => tool.name === name)) {
    throw new BadRequest('tool_choice', `Tool choice '${name}' not found in 'tools' parameter.`);
  }
  return { mode: 'named', name };
}

function readParallel(body: Json): boolean | null {
  const parallel = ifPresent(body.parallel_tool_calls, (value) =>
    requireBoolean(value, 'parallel_tool_calls'),
  );
  if (parallel !== undefined && !body.tools) {
    throw new BadRequest(
      'parallel_tool_calls',
      "'parallel_tool_calls' is only allowed when 'tools' are specified.",
    );
  }
  return parallel ?? null;
}

function readResponseFormat(value: unknown): Understood['responseFormat'] {
  if (value === undefined || value === null) return null;
  const format = requireObject(value, 'response_format');
  const type = requireOneOf(format.type, 'response_format.type', ['text', 'json_object', 'json_schema']);
  if (type !== 'json_schema') return { type };
  const where = 'response_format.json_schema';
  const inner = requireObject(format.json_schema, where);
  return {
    type,
    name: requireMatch(inner.name, `${where}.name`, FUNCTION_NAME),
    schema: ifPresent(inner.schema, (schema) => requireObject(schema, `${where}.schema`)),
    strict: inner.strict,
  };
}

function readStop(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  const stop = requireArray(value, 'stop').map((entry, index) => requireText(entry, `stop[${index}]`));
  if (stop.length > 4)
    throw new BadRequest('stop', `stop: array too long. Expected at most 4, got ${stop.length}`);
  return stop;
}

function readMaxTokens(body: Json): number | null {
  if (isSet(body.max_tokens) && isSet(body.max_completion_tokens)) {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    throw new BadRequest('max_tokens', message, 'invalid_parameter_combination');
  }
  const where = isSet(body.max_tokens) ? 'max_tokens' : 'max_completion_tokens';
  return ifPresent(body[where], (value) => requireInteger(value, where, [1, 1e9])) ?? null;
}

function readSampling(body: Json): Json {
  ifPresent(body.temperature, (value) => requireNumber(value, 'temperature', [0, 2]));
  ifPresent(body.top_p, (value) => requireNumber(value, 'top_p', [0, 1]));
  ifPresent(body.presence_penalty, (value) => requireNumber(value, 'presence_penalty', [-2, 2]));
  ifPresent(body.frequency_penalty, (value) => requireNumber(value, 'frequency_penalty', [-2, 2]));
  ifPresent(body.seed, (value) => requireInteger(value, 'seed', [-(2 ** 63), 2 ** 63]));
  ifPresent(body.logit_bias, (value) => requireObject(value, 'logit_bias'));
  ifPresent(body.logprobs, (value) => requireBoolean(value, 'logprobs'));
  return Object.fromEntries(SAMPLING.filter((key) => isSet(body[key])).map((key) => [key, body[key]]));
}

function readReasoning(body: Json): Json | null {
  const levels = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
  const effort = ifPresent(body.reasoning_effort, (value) => requireOneOf(value, 'reasoning_effort', levels));
  const verbosity = ifPresent(body.verbosity, (value) =>
    requireOneOf(value, 'verbosity', ['low', 'medium', 'high']),
  );
  ifPresent(body.metadata, (metadata) => {
    for (const [key, value] of Object.entries(requireObject(metadata, 'metadata'))) {
      requireString(value, `metadata.${key}`);
    }
  });
  ifPresent(body.service_tier, (tier) =>
    requireOneOf(tier, 'service_tier', ['auto', 'default', 'flex', 'scale', 'priority', 'fast']),
  );
  if (effort === undefined && verbosity === undefined) return null;
  return { ...(effort && { effort }), ...(verbosity && { verbosity }) };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && !(isObject(value) && Object.keys(value).length === 0);
}
