import {
  BadRequest,
  ifPresent,
  isObject,
  listWords,
  requireArray,
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
import { isOwnSignature } from './signature.ts';
import { countImages, mergeTurns } from './understood.ts';
import type { Part, Turn, Understood, UnderstoodTool } from './understood.ts';

const TOP = listWords(`
  messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
  additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig
`);
const CONFIG = ['maxTokens', 'temperature', 'topP', 'stopSequences'];

const refuseUnknown = (value: Json, where: string, known: readonly string[] | ReadonlySet<string>): void => {
  const names = new Set(known);
  for (const key of Object.keys(value))
    if (!names.has(key))
      throw new BadRequest(where, `The model returned the following errors: ${where}${key}: extraneous key`);
};

/** Reads a call as the vendor does. @throws BadRequest */
export function readBedrockRequest(
  body: Json,
  script: Script,
  { model, stream }: { model: string; stream: boolean },
): Understood {
  refuseUnknown(body, '', TOP);
  const config = ifPresent(body.inferenceConfig, (of) => requireObject(of, 'inferenceConfig')) ?? {};
  refuseUnknown(config, 'inferenceConfig.', CONFIG);
  const system = (ifPresent(body.system, (of) => requireArray(of, 'system')) ?? []).map((block, i) =>
    requireObject(block, `system[${i}]`),
  );
  const messages = requireArray(body.messages, 'messages').map((message, i) =>
    readMessage(message, `messages[${i}]`, script),
  );
  if (messages.length === 0)
    throw new BadRequest('messages', 'A conversation must start with a user message.');
  if (messages[0]!.role !== 'user')
    throw new BadRequest(
      'messages',
      'A conversation must start with a user message. Try again with a conversation that starts with a user message.',
    );
  for (const [i, { role }] of messages.entries())
    if (i > 0 && role === messages[i - 1]!.role)
      throw new BadRequest('messages', 'A conversation must alternate between user and assistant roles.');
  const turns = mergeTurns(messages);
  const uses = turns.some(({ parts }) =>
    parts.some(({ type }) => type === 'tool-call' || type === 'tool-result'),
  );
  const tools = readTools(body.toolConfig);
  if (uses && tools.length === 0)
    throw new BadRequest(
      'toolConfig',
      'The toolConfig field must be defined when using toolUse and toolResult content blocks.',
    );
  const output = ifPresent(body.outputConfig, (of) => requireObject(of, 'outputConfig')) ?? {};
  refuseUnknown(output, 'outputConfig.', ['textFormat', 'effort']);
  const stop = ifPresent(config.stopSequences, (of) => requireArray(of, 'stopSequences')) ?? [];
  const fields = isObject(body.additionalModelRequestFields) ? body.additionalModelRequestFields : {};
  return {
    vendor: 'bedrock',
    model,
    stream,
    system: system.flatMap((block, i) =>
      'cachePoint' in block ? [] : [requireText(block.text, `system[${i}].text`)],
    ),
    turns,
    images: countImages(turns),
    tools,
    toolChoice: readChoice(body.toolConfig, tools),
    parallelTools: null,
    responseFormat: readFormat(output.textFormat),
    stop: stop.map((word, i) => requireText(word, `stopSequences[${i}]`)),
    maxTokens: ifPresent(config.maxTokens, (of) => requireInteger(of, 'maxTokens', [1, 1e9])) ?? null,
    choices: 1,
    sampling: {
      ...(config.temperature !== undefined && {
        temperature: requireNumber(config.temperature, 'temperature', [0, 2]),
      }),
      ...(config.topP !== undefined && { topP: requireNumber(config.topP, 'topP', [0, 1]) }),
    },
    reasoning: isObject(fields.thinking) ? fields.thinking : null,
    user: null,
    cacheBreakpoints: 0,
    includeUsage: true,
    otherKeys: [],
  };
}

function readMessage(value: unknown, where: string, script: Script): Turn {
  const message = requireObject(value, where);
  refuseUnknown(message, `${where}.`, ['role', 'content']);
  const role = requireOneOf(message.role, `${where}.role`, ['user', 'assistant']) as Turn['role'];
  const content = requireArray(message.content, `${where}.content`);
  if (content.length === 0)
    throw new BadRequest(where, `The content field in the Message object at ${where} is empty.`);
  return { role, parts: content.flatMap((block, i) => readBlock(block, `${where}.content[${i}]`, script)) };
}

function readBlock(value: unknown, where: string, script: Script): Part[] {
  const block = requireObject(value, where);
  const [kind, ...others] = Object.keys(block);
  if (kind === undefined || others.length > 0)
    throw new BadRequest(where, `${where}: exactly one member must be set`);
  const inner = block[kind];
  switch (kind) {
    case 'text':
      return [{ type: 'text', text: requireText(inner, `${where}.text`) }];
    case 'cachePoint':
      return [];
    case 'image': {
      const image = requireObject(inner, where);
      const format = requireOneOf(image.format, `${where}.format`, ['png', 'jpeg', 'gif', 'webp']);
      return [
        {
          type: 'image',
          source: 'base64',
          mediaType: `image/${format}`,
          bytes: bytesOf(image.source, where).length,
        },
      ];
    }
    case 'document': {
      const document = requireObject(inner, where);
      const name = requireMatch(document.name, `${where}.name`, /^[A-Za-z0-9\s()[\]-]{1,200}$/);
      if (/\s\s/.test(name)) throw new BadRequest(where, `${where}.name: more than one space in a row`);
      bytesOf(document.source, where);
      return [{ type: 'file', source: 'base64', mediaType: String(document.format), name }];
    }
    case 'audio':
      bytesOf(requireObject(inner, where).source, where);
      return [{ type: 'audio', source: 'base64' }];
    case 'toolUse': {
      const call = requireObject(inner, where);
      return [
        {
          type: 'tool-call',
          id: requireMatch(call.toolUseId, `${where}.toolUseId`, /^[a-zA-Z0-9_.:-]{1,64}$/),
          name: requireMatch(call.name, `${where}.name`, /^[a-zA-Z0-9_-]{1,64}$/),
          arguments: requireObject(call.input, `${where}.input`),
        },
      ];
    }
    case 'toolResult': {
      const result = requireObject(inner, where);
      const content = requireArray(result.content, `${where}.content`).map((of) => requireObject(of, where));
      return [
        {
          type: 'tool-result',
          id: requireText(result.toolUseId, `${where}.toolUseId`),
          text: content
            .map((of) => String(of.text ?? (of.json === undefined ? '' : JSON.stringify(of.json))))
            .join(''),
          isError: result.status === 'error',
          images: content.filter((of) => 'image' in of).length,
        },
      ];
    }
    case 'reasoningContent': {
      const reasoning = requireObject(inner, where);
      if (reasoning.redactedContent !== undefined) return [{ type: 'redacted-thinking' }];
      const said = requireObject(reasoning.reasoningText, where);
      const text = requireString(said.text, where);
      const signature = requireText(said.signature, `${where}.signature`);
      if (!script.anySignature && !isOwnSignature(text, signature))
        throw new BadRequest(where, `${where}: Invalid signature in reasoning block`);
      return [{ type: 'thinking', text, signed: true }];
    }
    default:
      throw new BadRequest(where, `${where}: unknown member ${kind}`);
  }
}

function bytesOf(value: unknown, where: string): Buffer {
  const bytes = Buffer.from(
    requireText(requireObject(value, `${where}.source`).bytes, `${where}.source.bytes`),
    'base64',
  );
  if (bytes.length === 0) throw new BadRequest(where, `${where}.source.bytes: not base64`);
  return bytes;
}

function readTools(value: unknown): UnderstoodTool[] {
  if (value === undefined) return [];
  const config = requireObject(value, 'toolConfig');
  refuseUnknown(config, 'toolConfig.', ['tools', 'toolChoice']);
  const tools = requireArray(config.tools, 'toolConfig.tools');
  if (tools.length === 0)
    throw new BadRequest('toolConfig.tools', 'toolConfig.tools: at least one is needed');
  return tools.flatMap((entry, i): UnderstoodTool[] => {
    const where = `toolConfig.tools[${i}]`;
    const tool = requireObject(entry, where);
    if ('cachePoint' in tool) return [];
    const spec = requireObject(tool.toolSpec, `${where}.toolSpec`);
    refuseUnknown(spec, `${where}.toolSpec.`, ['name', 'description', 'inputSchema', 'strict']);
    const schema = requireObject(requireObject(spec.inputSchema, where).json, `${where}.inputSchema.json`);
    if (schema.type !== 'object')
      throw new BadRequest(where, `${where}.inputSchema.json.type must be "object"`);
    return [
      {
        kind: 'function',
        name: requireMatch(spec.name, `${where}.name`, /^[a-zA-Z0-9_-]{1,64}$/),
        description: ifPresent(spec.description, (text) => requireText(text, `${where}.description`)),
        schema,
        strict: spec.strict,
      },
    ];
  });
}

function readChoice(value: unknown, tools: readonly UnderstoodTool[]): Understood['toolChoice'] {
  const choice = isObject(value) ? value.toolChoice : undefined;
  if (choice === undefined) return null;
  const given = requireObject(choice, 'toolConfig.toolChoice');
  if ('auto' in given) return { mode: 'auto' };
  if ('any' in given) return { mode: 'required' };
  const name = requireText(
    requireObject(given.tool, 'toolConfig.toolChoice.tool').name,
    'toolChoice.tool.name',
  );
  if (!tools.some((tool) => tool.name === name))
    throw new BadRequest('toolChoice', `toolChoice: no tool "${name}"`);
  return { mode: 'named', name };
}

function readFormat(value: unknown): Understood['responseFormat'] {
  if (value === undefined) return null;
  const format = requireObject(value, 'outputConfig.textFormat');
  requireOneOf(format.type, 'outputConfig.textFormat.type', ['json_schema']);
  const definition = requireObject(
    requireObject(format.structure, 'structure').jsonSchema,
    'structure.jsonSchema',
  );
  const schema: unknown = JSON.parse(requireText(definition.schema, 'structure.jsonSchema.schema'));
  return {
    type: 'json_schema',
    schema,
    ...(typeof definition.name === 'string' && { name: definition.name }),
  };
}
