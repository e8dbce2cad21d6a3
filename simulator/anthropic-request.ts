import { readAnthropicTurns, readTextBlocks } from './anthropic-turns.ts';
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
import { countImages } from './understood.ts';
import type { Understood, UnderstoodTool } from './understood.ts';

export const LIVE_VERSIONS = ['2023-06-01', '2026-10-21'] as const;
export type LiveVersion = (typeof LIVE_VERSIONS)[number];

const SAMPLING = ['temperature', 'top_p', 'top_k'];
const KNOWN = new Set([
  ...SAMPLING,
  ...listWords(`
  model max_tokens messages system stop_sequences stream tools tool_choice thinking output_config
  metadata service_tier speed inference_geo cache_control container diagnostics user_profile_id
  workspace_id context_management mcp_servers
`),
]);
/** Other vendors' words. One of them in a request means that it was not translated. */
const FOREIGN = new Set(
  listWords(`
  max_completion_tokens max_output_tokens stop n response_format presence_penalty
  frequency_penalty logit_bias logprobs top_logprobs seed user stream_options reasoning_effort
  reasoning parallel_tool_calls functions function_call verbosity modalities store
  prompt_cache_key safety_identifier prediction input instructions
`),
);

/** What of the call besides its body decides how the body is read. */
export interface MessagesContext {
  version: LiveVersion;
  script: Script;
  /** count_tokens takes the same body without `max_tokens`. */
  counting: boolean;
}

/**
 * Reads a Messages request as the vendor does.
 * @throws BadRequest for everything the vendor refuses.
 */
export function readMessagesRequest(body: Json, context: MessagesContext): Understood {
  refuseKeys(body, context);
  const model = requireText(body.model, 'model');
  const maxTokens =
    context.counting && body.max_tokens === undefined
      ? null
      : requireInteger(body.max_tokens, 'max_tokens', [1, 1e9]);
  const messages = requireArray(body.messages, 'messages');
  if (messages.length === 0) throw new BadRequest('messages', 'messages: at least one message is required');
  const tools = readTools(body.tools);
  const thinking = readThinking(body, maxTokens);
  const turns = readAnthropicTurns(messages, context.script);
  const config = ifPresent(body.output_config, (value) => requireObject(value, 'output_config')) ?? {};
  const choice = readToolChoice(body.tool_choice, tools, thinking);
  readMetadata(body);
  return {
    vendor: 'anthropic',
    model,
    stream: ifPresent(body.stream, (value) => requireBoolean(value, 'stream')) ?? false,
    system: ifPresent(body.system, (value) => readTextBlocks(value, 'system')) ?? [],
    turns,
    images: countImages(turns),
    tools,
    toolChoice: choice.choice,
    parallelTools: choice.parallel,
    responseFormat: readFormat(config),
    stop: readStop(body.stop_sequences),
    maxTokens,
    choices: 1,
    sampling: readSampling(body, thinking),
    reasoning: readReasoning(thinking, config),
    user: isObject(body.metadata) ? (body.metadata.user_id ?? null) : null,
    cacheBreakpoints: countBreakpoints(body),
    includeUsage: true,
    otherKeys: Object.keys(body).filter((key) => !KNOWN.has(key)),
  };
}

function refuseKeys(body: Json, context: MessagesContext): void {
  for (const key of Object.keys(body)) {
    if (FOREIGN.has(key) || (context.script.strictKeys && !KNOWN.has(key))) {
      throw new BadRequest(key, `${key}: Extra inputs are not permitted`);
    }
    if (context.version === '2026-10-21' && SAMPLING.includes(key)) {
      throw new BadRequest(key, `${key}: not supported in anthropic-version 2026-10-21`);
    }
  }
}

function readTools(value: unknown): UnderstoodTool[] {
  const names = new Set<string>();
  return (ifPresent(value, (tools) => requireArray(tools, 'tools')) ?? []).map((entry, index) => {
    const where = `tools.${index}`;
    const tool = requireObject(entry, where);
    const name = requireMatch(tool.name, `${where}.name`, /^[a-zA-Z0-9_-]{1,128}$/);
    if (names.has(name)) throw new BadRequest('tools', 'tools: Tool names must be unique.');
    names.add(name);
    const kind = ifPresent(tool.type, (type) => requireText(type, `${where}.type`)) ?? 'custom';
    if (kind === 'function')
      throw new BadRequest(`${where}.type`, `${where}.type: 'function' is not a tool type`);
    if (kind !== 'custom') return { kind, name };
    const schema = requireObject(tool.input_schema, `${where}.input_schema`);
    requireOneOf(schema.type, `${where}.input_schema.type`, ['object']);
    ifPresent(tool.description, (text) => requireString(text, `${where}.description`));
    return { kind: 'function', name, description: tool.description, schema, strict: tool.strict };
  });
}

function readToolChoice(
  value: unknown,
  tools: readonly UnderstoodTool[],
  thinking: Json | null,
): { choice: Understood['toolChoice']; parallel: boolean | null } {
  if (value === undefined || value === null) return { choice: null, parallel: null };
  const object = requireObject(value, 'tool_choice');
  const type = requireOneOf(object.type, 'tool_choice.type', ['auto', 'any', 'tool', 'none']);
  if (tools.length === 0) {
    throw new BadRequest('tool_choice', 'tool_choice may only be specified while providing tools');
  }
  const disabled = ifPresent(object.disable_parallel_tool_use, (flag) =>
    requireBoolean(flag, 'tool_choice.disable_parallel_tool_use'),
  );
  const parallel = disabled === undefined ? null : !disabled;
  if ((type === 'any' || type === 'tool') && thinking?.type === 'enabled') {
    throw new BadRequest('thinking', 'Thinking may not be enabled when tool_choice forces tool use.');
  }
  if (type !== 'tool') return { choice: { mode: type === 'any' ? 'required' : type }, parallel };
  const name = requireString(object.name, 'tool_choice.name');
  if (!tools.some((tool) => tool.name === name)) {
    throw new BadRequest('tool_choice.name', `Tool '${name}' not found in provided tools`);
  }
  return { choice: { mode: 'named', name }, parallel };
}

function readThinking(body: Json, maxTokens: number | null): Json | null {
  if (body.thinking === undefined || body.thinking === null) return null;
  const thinking = requireObject(body.thinking, 'thinking');
  const type = requireOneOf(thinking.type, 'thinking.type', [
    'enabled',
    'adaptive',
    'between_tools',
    'disabled',
  ]);
  if (type !== 'enabled') return thinking;
  const budget = requireInteger(thinking.budget_tokens, 'thinking.budget_tokens', [1024, 1e9]);
  if (maxTokens !== null && budget >= maxTokens) {
    throw new BadRequest('max_tokens', '`max_tokens` must be greater than `thinking.budget_tokens`');
  }
  return thinking;
}

function readReasoning(thinking: Json | null, config: Json): Json | null {
  const levels = ['low', 'medium', 'high', 'xhigh', 'max'];
  const effort = ifPresent(config.effort, (value) => requireOneOf(value, 'output_config.effort', levels));
  if (!thinking && !effort) return null;
  return { ...thinking, ...(effort && { effort }) };
}

function readFormat(config: Json): Understood['responseFormat'] {
  if (config.format === undefined || config.format === null) return null;
  const format = requireObject(config.format, 'output_config.format');
  requireOneOf(format.type, 'output_config.format.type', ['json_schema']);
  return { type: 'json_schema', schema: requireObject(format.schema, 'output_config.format.schema') };
}

function readStop(value: unknown): string[] {
  return (ifPresent(value, (stop) => requireArray(stop, 'stop_sequences')) ?? []).map((entry, index) => {
    const text = requireString(entry, `stop_sequences.${index}`);
    if (text.trim()) return text;
    throw new BadRequest('stop_sequences', 'stop_sequences: each stop sequence must contain non-whitespace');
  });
}

function readSampling(body: Json, thinking: Json | null): Json {
  const temperature = ifPresent(body.temperature, (value) => requireNumber(value, 'temperature', [0, 1]));
  ifPresent(body.top_p, (value) => requireNumber(value, 'top_p', [0, 1]));
  ifPresent(body.top_k, (value) => requireInteger(value, 'top_k', [0, 1e9]));
  if (thinking?.type === 'enabled' && temperature !== undefined && temperature !== 1) {
    throw new BadRequest('temperature', '`temperature` may only be set to 1 when thinking is enabled');
  }
  return Object.fromEntries(SAMPLING.filter((key) => body[key] !== undefined).map((key) => [key, body[key]]));
}

function readMetadata(body: Json): void {
  ifPresent(body.metadata, (value) => {
    for (const [key, member] of Object.entries(requireObject(value, 'metadata'))) {
      if (key !== 'user_id')
        throw new BadRequest('metadata', `metadata.${key}: Extra inputs are not permitted`);
      ifPresent(member, (id) => requireString(id, 'metadata.user_id'));
    }
  });
  ifPresent(body.service_tier, (tier) => requireOneOf(tier, 'service_tier', ['auto', 'standard_only']));
  ifPresent(body.speed, (speed) => requireOneOf(speed, 'speed', ['standard', 'fast']));
}

function countBreakpoints(body: Json): number {
  let found = 0;
  const visit = (value: unknown, where: string): void => {
    if (Array.isArray(value)) value.forEach((member, index) => visit(member, `${where}.${index}`));
    else if (isObject(value)) {
      if (value.cache_control) {
        found++;
        const control = requireObject(value.cache_control, `${where}.cache_control`);
        requireOneOf(control.type, `${where}.cache_control.type`, ['ephemeral']);
        ifPresent(control.ttl, (ttl) => requireOneOf(ttl, `${where}.cache_control.ttl`, ['5m', '1h']));
      }
      if (Array.isArray(value.content)) visit(value.content, `${where}.content`);
    }
  };
  visit(body.system, 'system');
  visit(body.tools, 'tools');
  visit(body.messages, 'messages');
  if (found > 4) {
    throw new BadRequest(
      'cache_control',
      `A maximum of 4 blocks with cache_control may be provided. Found ${found}.`,
    );
  }
  return found;
}
