import { FUNCTION_NAME } from './openai-request.ts';
import { readItems } from './responses-items.ts';
import {
  BadRequest,
  ifPresent,
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
import { refuseKeys } from './vendor-call.ts';

const SAMPLING = listWords('temperature top_p top_logprobs');
const known = new Set([
  ...SAMPLING,
  ...listWords(`
  model input instructions max_output_tokens max_tool_calls tools tool_choice parallel_tool_calls reasoning text include
  previous_response_id conversation store background truncation context_management prompt prompt_cache_key
  prompt_cache_options prompt_cache_retention service_tier metadata safety_identifier user moderation stream
  stream_options
`),
]);
/** Other APIs' words. One of them in a request means that it was not translated. */
const foreign = new Set(
  listWords(`
  messages max_tokens max_completion_tokens n stop stop_sequences seed presence_penalty frequency_penalty logit_bias
  logprobs response_format reasoning_effort system top_k thinking output_config contents
`),
);
const INCLUDES = listWords(`
  file_search_call.results web_search_call.results web_search_call.action.sources message.input_image.image_url
  computer_call_output.output.image_url code_interpreter_call.outputs reasoning.encrypted_content
  message.output_text.logprobs
`);

/**
 * Reads a request for a response as the vendor does.
 * @throws BadRequest for everything the vendor refuses.
 */
export function readResponsesRequest(body: Json, script: Script): Understood {
  refuseKeys(body, script, { known, foreign });
  const tools = readTools(body.tools);
  const { system, turns } = readItems(body.input, script);
  const instructions = ifPresent(body.instructions, (text) => requireString(text, 'instructions'));
  const merged = mergeTurns(turns);
  for (const word of ifPresent(body.include, (value) => requireArray(value, 'include')) ?? [])
    requireOneOf(word, 'include', INCLUDES);
  return {
    vendor: 'openai',
    model: requireText(body.model, 'model'),
    stream: ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? false,
    system: [...(instructions === undefined ? [] : [instructions]), ...system],
    turns: merged,
    images: countImages(merged),
    tools,
    toolChoice: readToolChoice(body, tools),
    parallelTools:
      ifPresent(body.parallel_tool_calls, (value) => requireBoolean(value, 'parallel_tool_calls')) ?? null,
    responseFormat: readFormat(body.text),
    stop: [],
    maxTokens:
      ifPresent(body.max_output_tokens, (value) => requireInteger(value, 'max_output_tokens', [1, 1e9])) ??
      null,
    choices: 1,
    sampling: readSampling(body),
    reasoning: readReasoning(body.reasoning),
    user: body.safety_identifier ?? body.user ?? null,
    cacheBreakpoints: JSON.stringify(body.input).split('"prompt_cache_breakpoint"').length - 1,
    includeUsage: true,
    otherKeys: Object.keys(body).filter((key) => !known.has(key)),
  };
}

function readSampling(body: Json): Json {
  ifPresent(body.temperature, (value) => requireNumber(value, 'temperature', [0, 2]));
  ifPresent(body.top_p, (value) => requireNumber(value, 'top_p', [0, 1]));
  ifPresent(body.top_logprobs, (value) => requireInteger(value, 'top_logprobs', [0, 20]));
  return Object.fromEntries(SAMPLING.filter((key) => key in body).map((key) => [key, body[key]]));
}

function readReasoning(value: unknown): Json | null {
  if (value === undefined || value === null) return null;
  const reasoning = requireObject(value, 'reasoning');
  const levels = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
  ifPresent(reasoning.effort, (effort) => requireOneOf(effort, 'reasoning.effort', levels));
  ifPresent(reasoning.summary, (summary) =>
    requireOneOf(summary, 'reasoning.summary', ['auto', 'concise', 'detailed']),
  );
  return reasoning;
}

/** Tools are flat here: a function within a `function` has no name. */
function readTools(value: unknown): UnderstoodTool[] {
  const tools = ifPresent(value, (present) => requireArray(present, 'tools')) ?? [];
  return tools.map((entry, index) => {
    const where = `tools[${index}]`;
    const tool = requireObject(entry, where);
    const kind = requireText(tool.type, `${where}.type`);
    if (kind !== 'function') return { kind, name: String(tool.name ?? kind) };
    ifPresent(tool.description, (text) => requireString(text, `${where}.description`));
    ifPresent(tool.strict, (strict) => requireBoolean(strict, `${where}.strict`));
    return {
      kind,
      name: requireMatch(tool.name, `${where}.name`, FUNCTION_NAME),
      description: tool.description,
      schema: ifPresent(tool.parameters, (schema) => requireObject(schema, `${where}.parameters`)),
      strict: tool.strict,
    };
  });
}

function readToolChoice(body: Json, tools: readonly UnderstoodTool[]): Understood['toolChoice'] {
  const choice = body.tool_choice;
  if (choice === undefined || choice === null) return null;
  if (typeof choice === 'string')
    return { mode: requireOneOf(choice, 'tool_choice', ['none', 'auto', 'required']) };
  const object = requireObject(choice, 'tool_choice');
  const type = requireText(object.type, 'tool_choice.type');
  if (type === 'allowed_tools') {
    requireArray(object.tools, 'tool_choice.tools');
    return { mode: requireOneOf(object.mode, 'tool_choice.mode', ['auto', 'required']) };
  }
  if (type !== 'function') return { mode: 'named', name: type };
  const name = requireString(object.name, 'tool_choice.name');
  if (!tools.some((tool) => tool.name === name))
    throw new BadRequest('tool_choice', `Tool choice '${name}' not found in 'tools' parameter.`);
  return { mode: 'named', name };
}

function readFormat(value: unknown): Understood['responseFormat'] {
  const text = ifPresent(value, (present) => requireObject(present, 'text'));
  const format = ifPresent(text?.format, (present) => requireObject(present, 'text.format'));
  if (!format) return null;
  const type = requireOneOf(format.type, 'text.format.type', ['text', 'json_object', 'json_schema']);
  if (type !== 'json_schema') return { type };
  return {
    type,
    name: requireMatch(format.name, 'text.format.name', FUNCTION_NAME),
    schema: requireObject(format.schema, 'text.format.schema'),
    strict: format.strict,
  };
}
