import {
  BadRequest,
  ifPresent,
  listWords,
  requireObject,
  requireOneOf,
  requireString,
  requireText,
} from './shape.ts';
import type { Json } from './shape.ts';
import type { Script } from './script.ts';
import { inCamelCase } from './gemini-fields.ts';
import type { Part, Turn } from './understood.ts';

const PART = listWords(`
  text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode codeExecutionResult
  videoMetadata mediaResolution
`);

interface Reading {
  /** Calls that come back need the proof that came with them. */
  wantsProof: boolean;
  script: Script;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** @throws BadRequest */
export function readGeminiContents(value: unknown, reading: Reading): Turn[] {
  const contents = value === undefined ? [] : listOf(value);
  if (contents.length === 0)
    throw new BadRequest('contents', '* GenerateContentRequest.contents: contents is not specified');
  /** Names of calls that the next turn must answer. */
  let open: string[] = [];
  return contents.map((entry, i): Turn => {
    const where = `contents[${i}]`;
    const content = inCamelCase(entry, where, ['role', 'parts']);
    const role =
      content.role === undefined
        ? 'user'
        : requireOneOf(content.role, `${where}.role`, ['user', 'model', 'function']);
    const parts =
      content.parts === undefined
        ? []
        : listOf(content.parts).map((part, j) => inCamelCase(part, `${where}.parts[${j}]`, PART));
    if (parts.length === 0)
      throw new BadRequest(
        where,
        `* GenerateContentRequest.${where}.parts: contents.parts must not be empty.`,
      );
    const answers = parts.filter((part) => part.functionResponse !== undefined).length;
    if (answers !== open.length)
      throw new BadRequest(
        where,
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
    const read = parts.map((part, j) => readPart(part, `${where}.parts[${j}]`, open));
    open = parts.flatMap((part) =>
      part.functionCall === undefined ? [] : [String((part.functionCall as Json).name)],
    );
    if (role === 'model') checkProofs(parts, where, reading);
    return { role: role === 'model' ? 'assistant' : 'user', parts: read.filter((part) => part !== null) };
  });
}

/** Of calls made at once the first bears the proof. */
function checkProofs(parts: readonly Json[], where: string, { wantsProof, script }: Reading): void {
  const first = parts.find((part) => part.functionCall !== undefined);
  if (wantsProof && first && first.thoughtSignature === undefined)
    throw new BadRequest(
      where,
      `Function call is missing a thought_signature in functionCall parts at '${where}'.`,
    );
  if (script.anySignature) return;
  for (const { thoughtSignature } of parts)
    if (
      thoughtSignature !== undefined &&
      !/^(?:c2ltLXRo|skip_thought_signature_validator$)/.test(String(thoughtSignature))
    )
      throw new BadRequest(where, 'Thought signature is not valid.');
}

function readPart(part: Json, where: string, open: readonly string[]): Part | null {
  if (part.functionCall !== undefined) {
    const call = inCamelCase(part.functionCall, `${where}.function_call`, ['id', 'name', 'args']);
    const args = call.args === undefined ? {} : requireObject(call.args, `${where}.function_call.args`);
    const name = requireText(call.name, `${where}.function_call.name`);
    return { type: 'tool-call', id: String(call.id ?? ''), name, arguments: args };
  }
  if (part.functionResponse !== undefined)
    return readResponse(part.functionResponse, `${where}.function_response`, open);
  if (part.inlineData !== undefined) {
    const blob = inCamelCase(part.inlineData, `${where}.inline_data`, ['mimeType', 'data', 'displayName']);
    const mediaType = requireText(blob.mimeType, `${where}.inline_data.mime_type`);
    const data = requireText(blob.data, `${where}.inline_data.data`);
    if (mediaType.startsWith('image/'))
      return { type: 'image', source: 'base64', mediaType, bytes: Buffer.from(data, 'base64').length };
    return { type: mediaType.startsWith('audio/') ? 'audio' : 'file', source: 'base64', mediaType };
  }
  if (part.fileData !== undefined) {
    const file = inCamelCase(part.fileData, `${where}.file_data`, ['mimeType', 'fileUri', 'displayName']);
    return { type: 'image', source: 'url', url: requireText(file.fileUri, `${where}.file_data.file_uri`) };
  }
  if (part.text === undefined)
    throw new BadRequest(where, `${where}.data: required oneof field 'data' must have one initialized field`);
  const text = requireString(part.text, `${where}.text`);
  if (part.thought === true) return { type: 'thinking', text, signed: part.thoughtSignature !== undefined };
  if (text === '' && part.thoughtSignature !== undefined) return null;
  return { type: 'text', text };
}

function readResponse(value: unknown, where: string, open: readonly string[]): Part {
  const result = inCamelCase(value, where, ['id', 'name', 'response', 'parts']);
  const name = requireText(result.name, `${where}.name`);
  if (!open.includes(name))
    throw new BadRequest(where, `Function response "${name}" answers no function call.`);
  const response = requireObject(result.response, `${where}.response`);
  const said = response.output ?? response.error;
  const images = (ifPresent(result.parts, listOf) ?? []).length;
  const text = typeof said === 'string' ? said : JSON.stringify(response);
  return { type: 'tool-result', id: String(result.id ?? name), text, isError: 'error' in response, images };
}
